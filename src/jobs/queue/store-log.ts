import type { Logger } from 'pino'
import { createErrorLog, type ErrorLog } from './error-log.ts'
import { createStateLog, type StateLog } from './state-log.ts'

/** What is told of a store. The queues of a process share a store and this, so that its troubles are told once. */
export interface StoreLog {
  readonly errors: ErrorLog
  readonly states: StateLog
}

export const createStoreLog = (log: Logger): StoreLog => ({
  errors: createErrorLog(log),
  states: createStateLog(log),
})
