import { type Endpoint, jsonAnswer } from '../endpoint.ts'

export const CONNECTION_TEST_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/connection-test',
    needs: {},
    answer: () => jsonAnswer(200, JSON.stringify({ message: 'Connected Successfully' })),
  },
]
