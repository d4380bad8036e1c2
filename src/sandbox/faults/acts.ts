import type { CallRecord } from '../calls.ts'

/** What goes wrong with one call. All but the first three and `cut` happen to the honest answer, after it took effect. */
export type FaultAct =
  /** Another answer than the honest one; the call takes effect only if told so. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: string
      readonly contentType?: string
      readonly headers?: Readonly<Record<string, string>>
      readonly takesEffect?: boolean
    }
  /** No answer until the client leaves, and no effect. */
  | { readonly kind: 'hang' }
  /** The page before, the first one, or none, whatever was asked for. */
  | { readonly kind: 'page'; readonly shows: 'previous' | 'first' | 'empty' }
  /** The connection ends before the call took effect, after it, or in the middle of the answer. */
  | { readonly kind: 'cut'; readonly when: 'before-effect' | 'after-effect' | 'in-answer' }
  /** One byte per interval (real milliseconds; default a second). */
  | { readonly kind: 'drip'; readonly intervalMs?: number }
  /** A whole answer of half a text. */
  | { readonly kind: 'truncated' }
  /** `content-length` is off by so many bytes; the connection ends after the body. */
  | { readonly kind: 'wrong-length'; readonly offBy: number }
  /** The first amount (or id) of the body stands twice in its record, with another value the second time. */
  | { readonly kind: 'duplicate-keys' }
  /** The first amount of the body becomes 1e400. */
  | { readonly kind: 'huge-number' }
  /** The first id of the body becomes one beyond 64 bits. */
  | { readonly kind: 'huge-integer' }
  | { readonly kind: 'byte-order-mark' }
  | { readonly kind: 'deep-nesting'; readonly depth: number }
  /** A body that streams until so many bytes are out. */
  | { readonly kind: 'oversize'; readonly bytes: number }
  /** A small gzip that unpacks to so many bytes. */
  | { readonly kind: 'gzip-bomb'; readonly bytes: number }
  /** Real milliseconds on top; other rules still apply. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Called in this process around the call; other rules still apply. The call is answered when `before` is done. */
  | {
      readonly kind: 'hook'
      readonly before?: (call: CallRecord) => void | Promise<void>
      readonly after?: (call: CallRecord) => void | Promise<void>
    }

/** Another answer than the honest one. */
export type AnswerAct = Extract<FaultAct, { kind: 'answer' }>

const html = (status: number, title: string) => ({
  kind: 'answer' as const,
  status,
  contentType: 'text/html',
  body: `<!DOCTYPE html><html><head><title>${title}</title></head><body></body></html>`,
})
const errors = (status: number, text: string) => ({
  kind: 'answer' as const,
  status,
  body: JSON.stringify({ errors: text }),
})

/** Answers that were seen or must be expected (API.md §12), by name. */
export const FAULT_ANSWERS = {
  'unauthorized-401': errors(401, 'Unauthorized'),
  'no-permission-401': errors(401, 'No access permission'),
  'no-permission-403': errors(403, 'No access permission'),
  'conflict-409': errors(409, 'Conflict'),
  'error-500': errors(500, 'Failed to process transaction'),
  'error-502': html(502, '502 Bad Gateway'),
  'error-503': html(503, '503 Service Unavailable'),
  'html-522': html(522, '522: Connection timed out'),
  'html-200': html(200, 'Just a moment...'),
  'created-201': { kind: 'answer', status: 201, body: '' },
  'accepted-202': { kind: 'answer', status: 202, body: '' },
  'no-content-204': { kind: 'answer', status: 204, body: '' },
} satisfies Record<string, AnswerAct>

/** What happens at random unless told otherwise. */
export const RANDOM_ACTS: readonly FaultAct[] = [
  FAULT_ANSWERS['error-500'],
  FAULT_ANSWERS['html-522'],
  { kind: 'cut', when: 'after-effect' },
]
