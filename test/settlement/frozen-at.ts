import type { Life } from '../kills/points/life.ts'
import type { Side } from './sides.ts'

export const MOMENTS = ['before the intent', 'before it takes the right to call', 'between that and the call'] as const
export type Moment = (typeof MOMENTS)[number]

/** The context of a process that stands still once, at that moment. */
export function frozenAt(
  { context }: Life,
  { rowsPath }: Side,
  moment: Moment,
  freeze: () => Promise<void>,
): Life['context'] {
  const { helcim, settling } = context
  let isOver = false
  const once = async (here: Moment) => {
    if (isOver || here !== moment) return
    isOver = true
    await freeze()
  }
  return {
    ...context,
    helcim: {
      ...helcim,
      async read(call, options) {
        const answer = await helcim.read(call, options)
        if (call.path === rowsPath) await once('before the intent')
        return answer
      },
    },
    settling: {
      ...settling,
      helcim: {
        ...settling.helcim,
        settle: (call, options) =>
          settling.helcim.settle(call, {
            ...options,
            async claim(leftMs) {
              await once('before it takes the right to call')
              const isClaimed = await options.claim(leftMs)
              await once('between that and the call')
              return isClaimed
            },
          }),
      },
    },
  }
}
