import type { HelcimId } from './record.ts'

/** The only place that tells the currency of a batch (API.md §0, fact 7). */
export interface CardTerminal {
  readonly terminalId: HelcimId
  readonly nickname: string | null
  readonly currency: string
  readonly status: string
}
