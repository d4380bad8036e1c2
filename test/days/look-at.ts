import { until } from '../kills/cli-process.ts'
import type { ManualClock } from '../sandbox/support.ts'
import type { Look } from './support.ts'

/** A guard against standing still, not a bound: it says what still stirred before the test's own guard ends it in silence. */
const REST_MS_MAX = 300_000

/** Lets the time come, and waits until the daemon has done what was due by then. */
export async function lookAt({ query, runtime }: Look, clock: ManualClock, at: number): Promise<void> {
  clock.set(new Date(at).toISOString())
  let stirring: unknown
  const isAtRest = async () => {
    const [row] = await query(`select
      (select max(planned_at) from recon.due_work where kind = 'poll') > to_timestamp(${at / 1_000}) - interval '5 min'
        as is_polled,
      (select count(*)::int from recon.due_work where finished_at is null) as due,
      (select count(*)::int from recon.pulls where state = 'running') as pulls,
      (select count(*)::int from recon.marks) as marks,
      (select max(started_at) from recon.runs) >=
        (select max(finished_at) from recon.pulls where state <> 'split' and resource like 'card%') as is_judged`)
    const { waiting, active, delayed } = await runtime.queue.counts()
    const jobs = waiting + active + delayed
    stirring = JSON.stringify({ ...row, jobs })
    return stirring === AT_REST
  }
  let countQuiet = 0
  const isQuiet = async () => {
    countQuiet = (await isAtRest()) ? countQuiet + 1 : 0
    return countQuiet >= 2
  }
  await until(`rest at ${new Date(at).toISOString()}`, isQuiet, REST_MS_MAX).catch((cause: Error) => {
    throw new Error(`${cause.message}: ${stirring}`, { cause })
  })
}

const AT_REST = JSON.stringify({ is_polled: true, due: 0, pulls: 0, marks: 0, is_judged: true, jobs: 0 })
