import pino from 'pino'
import type { JobContext, Services } from '../../src/context.ts'

/** A job's context of a process that nobody hears: what is to follow is asked of no one. */
export function deafContext(services: Services): JobContext {
  const nothing = async () => {}
  return {
    ...services,
    enqueue: {
      pullPage: nothing,
      reconcile: nothing,
      postBooks: nothing,
      due: nothing,
      settleBatch: nothing,
      confirmAttempt: nothing,
      alert: nothing,
    },
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    isLastAttempt: true,
  }
}
