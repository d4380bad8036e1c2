import type { Logger } from 'pino'
import { SOUND_STORE, type StoreState } from './store.ts'

const REPEAT_MS = 10 * 60_000

/** Tells what is wrong with a store that answers: once when it begins, then every ten minutes, and when it is over. */
export function createStateLog(log: Logger): { tell(state: StoreState): void } {
  const told = { refusal: 0, danger: 0 }
  let last = SOUND_STORE

  function tellOne(aspect: keyof StoreState, state: StoreState): void {
    const [begun, ended] = EVENTS[aspect]
    const reason = state[aspect]
    if (reason === null) {
      if (last[aspect] !== null) log.info(ended)
      return
    }
    // The figures in a reason move; the trouble is the same.
    if (last[aspect] !== null && performance.now() - told[aspect] < REPEAT_MS) return
    told[aspect] = performance.now()
    log.error({ reason }, begun)
  }

  return {
    tell(state) {
      tellOne('refusal', state)
      tellOne('danger', state)
      last = state
    },
  }
}

const EVENTS = {
  refusal: ['queue.store_filled', 'queue.store_emptied'],
  danger: ['queue.store_endangered', 'queue.store_secured'],
} as const
