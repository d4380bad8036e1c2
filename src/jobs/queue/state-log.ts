import type { Logger } from 'pino'
import { SOUND_STORE, type StoreState } from './store.ts'

const REPEAT_MS = 10 * 60_000

/** Tells what is wrong with a store that answers: once when it begins, then every ten minutes, and when it is over. */
export interface StateLog {
  /** @returns what one watcher of the store tells it: several of them see the same trouble, each in its own moment */
  watch(): (state: StoreState) => void
}

export function createStateLog(log: Logger): StateLog {
  const told = { refusal: 0, danger: 0 }
  const seen = new Map<symbol, StoreState>()
  let last = SOUND_STORE

  function tellOne(aspect: keyof StoreState, reason: string | null): void {
    const [begun, ended] = EVENTS[aspect]
    if (reason === null) {
      if (last[aspect] !== null) log.info(ended)
      return
    }
    // The figures in a reason move; the trouble is the same.
    if (last[aspect] !== null && performance.now() - told[aspect] < REPEAT_MS) return
    told[aspect] = performance.now()
    log.error({ reason }, begun)
  }

  /** It is over when no watcher sees it any more. */
  const anyOf = (aspect: keyof StoreState) =>
    [...seen.values()].map((state) => state[aspect]).find((reason) => reason !== null) ?? null

  return {
    watch() {
      const watcher = Symbol('watcher')
      return (state) => {
        seen.set(watcher, state)
        const together = { refusal: anyOf('refusal'), danger: anyOf('danger') }
        tellOne('refusal', together.refusal)
        tellOne('danger', together.danger)
        last = together
      }
    },
  }
}

const EVENTS = {
  refusal: ['queue.store_filled', 'queue.store_emptied'],
  danger: ['queue.store_endangered', 'queue.store_secured'],
} as const
