import { type Endpoint, jsonAnswer } from '../endpoint.ts'

export const CARD_TERMINAL_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/card-terminals',
    needs: { general: 'read' },
    answer({ query, merchant, render, pageShown }) {
      const rows = merchant
        .terminals()
        .filter(({ currency }) => query.currency === undefined || currency === query.currency)
        .filter(({ status }) => query.status === undefined || status === query.status)
        .filter(() => pageShown !== 'empty')
      return jsonAnswer(200, render.list('terminals', rows.map(render.terminal)))
    },
  },
]
