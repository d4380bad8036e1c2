import type { CallEnd, CallPermits } from '../domain/permits.ts'

/** What is told of each call when it is over. */
export interface EndedCall {
  readonly callClass: string
  readonly endpoint: string
  /** Helcim's status, else `aborted` or `unsent`. */
  readonly outcome: string
}

/** Permits that tell how each call ended. A permit is taken for every call, so none is missed. */
export const observePermits = (permits: CallPermits, onCallEnd: (call: EndedCall) => void): CallPermits => ({
  async take(request) {
    const permit = await permits.take(request)
    return {
      deadlineAt: permit.deadlineAt,
      release(end) {
        onCallEnd({ callClass: request.callClass, endpoint: request.endpoint, outcome: outcomeOf(end) })
        return permit.release(end)
      },
    }
  },
})

const outcomeOf = ({ status, kind }: CallEnd): string => (status === null ? kind : String(status))
