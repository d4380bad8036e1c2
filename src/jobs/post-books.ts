import { z } from 'zod'
import { postBooks } from '../books/post.ts'
import type { JobContext } from '../context.ts'
import { defineJob } from './define-job.ts'

const payload = z.object({ accountId: z.number().int(), scope: z.enum(['marked', 'full']) })

/** Brings the journal in line with what was read and judged. */
export const postBooksJob = defineJob<JobContext>()({
  name: 'post-books',
  decodePayload: (value) => payload.parse(value),
  lanes: ({ accountId }) => [{ key: `${accountId}-books`, cap: 1 }],
  async run({ accountId, scope }, { db, clock, books: settings, log }) {
    const counts = await postBooks(db, { accountId, scope, settings, clock })
    if (counts.countPosted + counts.countReversed > 0) log.info({ scope, ...counts }, 'books.posted')
    else log.debug({ scope, ...counts }, 'books.posted')
  },
})
