import { z } from 'zod'
import type { JobContext } from '../context.ts'
import { loadPull } from '../db/pulls.ts'
import { CALL_CLASSES } from '../domain/budget-class.ts'
import { defineJob } from './define-job.ts'
import { lanesOfCalls } from './lanes.ts'
import { askForWhatFollows } from './sync/read-page.ts'
import { resourceOf } from './sync/resources.ts'

const payload = z.object({
  accountId: z.number().int(),
  pullId: z.string().regex(/^\d+$/).transform(BigInt),
  walk: z.number().int(),
  page: z.number().int(),
  callClass: z.enum(CALL_CLASSES),
})

/** Reads one page of a pull: any number of pages is any number of jobs, so nothing long ever holds a worker. */
export const pullPage = defineJob<JobContext>()({
  name: 'pull-page',
  decodePayload: (value) => payload.parse(value),
  lanes: ({ accountId, callClass }) => lanesOfCalls(accountId, callClass),
  async run({ accountId, pullId, walk, page }, context) {
    const pull = await loadPull(context.db, { accountId, pullId })
    if (pull === null) return
    // A repeated job finds its page read already: it makes sure that what follows is asked for, and reads nothing.
    const isItsTurn = pull.state === 'running' && pull.walk === walk && pull.nextPage === page
    if (!isItsTurn) return askForWhatFollows(context, pull)
    await resourceOf(pull.resource).readPage(context, pull)
  },
})
