import { describe, expect, test } from 'vitest'
import { type AnswerAct, FAULT_ANSWERS, type FaultAct } from '../../src/sandbox/faults/acts.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { isLong } from '../support/long.ts'
import { ACH, SIDES, type Side } from './sides.ts'
import { type Till, withTill } from './till.ts'

/** How Helcim answers the first call to settle, whether it takes effect, and what must come of it. */
interface Case {
  readonly title: string
  readonly act: FaultAct
  /** Attempts in order: state, and how the call ended. */
  readonly attempts: readonly string[]
  readonly countPosts: number
  readonly isClosed: boolean
  readonly mismatches: readonly string[]
}

const SETTLED = { attempts: ['confirmed taken'], countPosts: 1, isClosed: true, mismatches: [] }
const IN_EFFECT = (answer: AnswerAct): FaultAct => ({ ...answer, takesEffect: true })
const ok: AnswerAct = { kind: 'answer', status: 200, body: '{"id":1}' }
/** As the endpoint of each says no: ACH has a `message` for it. */
const bad =
  ({ kind }: Side) =>
  (status: number, text: string): AnswerAct => ({
    kind: 'answer',
    status,
    body: JSON.stringify(kind === 'ach_batch' ? { message: text } : { errors: text }),
  })
/** Certain only once nothing of the call can be under way; then a fresh pre-flight settles it. */
const againAfter = (outcome: string) => ({
  attempts: [`not_taken ${outcome}`, 'confirmed taken'],
  countPosts: 2,
  isClosed: true,
  mismatches: [],
})
const confirmedAfter = (outcome: string) => ({ ...SETTLED, attempts: [`confirmed ${outcome}`] })
const refused = { attempts: ['refused refused'], countPosts: 1, isClosed: false, mismatches: ['settlement_refused'] }

const casesOf = (no: ReturnType<typeof bad>): readonly Case[] => [
  { title: '200', act: { kind: 'slow', ms: 0 }, ...SETTLED },
  { title: '200, and the batch is still open', act: ok, ...againAfter('taken') },
  {
    title: '200 with a page of HTML, in effect',
    act: IN_EFFECT(FAULT_ANSWERS['html-200']),
    ...confirmedAfter('unclear'),
  },
  { title: '200 with a page of HTML, not in effect', act: FAULT_ANSWERS['html-200'], ...againAfter('unclear') },
  { title: '201 in effect', act: IN_EFFECT(FAULT_ANSWERS['created-201']), ...confirmedAfter('unclear') },
  { title: '201 not in effect', act: FAULT_ANSWERS['created-201'], ...againAfter('unclear') },
  { title: '202 in effect', act: IN_EFFECT(FAULT_ANSWERS['accepted-202']), ...confirmedAfter('unclear') },
  { title: '202 not in effect', act: FAULT_ANSWERS['accepted-202'], ...againAfter('unclear') },
  { title: '204 in effect', act: IN_EFFECT(FAULT_ANSWERS['no-content-204']), ...confirmedAfter('unclear') },
  { title: '204 not in effect', act: FAULT_ANSWERS['no-content-204'], ...againAfter('unclear') },
  { title: '400', act: no(400, 'Batch cannot be settled'), ...refused },
  { title: '405', act: no(405, 'Method not allowed'), ...refused },
  { title: '422', act: no(422, 'Unprocessable'), ...refused },
  {
    title: '400 from somebody on the way',
    act: { kind: 'answer', status: 400, body: '<html></html>' },
    ...againAfter('unclear'),
  },
  ...[401, 403].flatMap((status) =>
    ['Log in', 'No access permission'].map((words) => ({
      title: `${status} from somebody on the way: ${words}`,
      act: { kind: 'answer', status, body: `<html><title>${words}</title></html>` } as const,
      ...againAfter('unclear'),
    })),
  ),
  { title: '401 no permission', act: FAULT_ANSWERS['no-permission-401'], ...refused },
  { title: '403 no permission', act: FAULT_ANSWERS['no-permission-403'], ...refused },
  { title: '404 and open', act: no(404, 'Not found'), ...refused, attempts: ['refused declined'] },
  { title: '409 and open', act: FAULT_ANSWERS['conflict-409'], ...refused, attempts: ['refused declined'] },
  { title: '500 after it took effect', act: IN_EFFECT(FAULT_ANSWERS['error-500']), ...confirmedAfter('unclear') },
  { title: '500 before effect', act: FAULT_ANSWERS['error-500'], ...againAfter('unclear') },
  { title: '502', act: FAULT_ANSWERS['error-502'], ...againAfter('unclear') },
  { title: '522 after it took effect', act: IN_EFFECT(FAULT_ANSWERS['html-522']), ...confirmedAfter('unclear') },
  { title: 'a cut before effect', act: { kind: 'cut', when: 'before-effect' }, ...againAfter('unclear') },
  { title: 'a cut after effect', act: { kind: 'cut', when: 'after-effect' }, ...confirmedAfter('unclear') },
  { title: 'a cut within the answer', act: { kind: 'cut', when: 'in-answer' }, ...confirmedAfter('unclear') },
  { title: 'half an answer', act: { kind: 'truncated' }, ...confirmedAfter('unclear') },
  { title: '429', act: no(429, 'Too many requests'), ...againAfter('limited') },
]

/** For ACH, which goes the same way, the usual run asks for those that its own endpoint gives or leaves open. */
const USUAL_OF_ACH = [
  '200',
  '200, and the batch is still open',
  '204 in effect',
  '400',
  '403 no permission',
  '409 and open',
  '500 after it took effect',
  'a cut before effect',
  'a cut after effect',
]

function usualCases(side: Side): readonly Case[] {
  const all = casesOf(bad(side))
  if (isLong || side !== ACH) return all
  const usual = all.filter(({ title }) => USUAL_OF_ACH.includes(title))
  expect(usual).toHaveLength(USUAL_OF_ACH.length)
  return usual
}

describe('each answer to a settlement ends it in the right state, is told rightly, and is never followed by a blind repeat', () => {
  test.each(SIDES)('%s: table of answers', async (_, side) => {
    await withTill({ side }, async (till) => {
      for (const { title, act, ...expected } of usualCases(side)) {
        await till.query('delete from recon.endpoint_blocks; update recon.budgets set closed_until = null')
        const batch = till.sell()
        const fault = till.world.sandbox.faults.add({ match: { method: side.method }, act })
        await till.settle()
        fault.remove()
        expect({ title, ...(await outcomeOf(till, batch)) }).toEqual({ title, ...expected })
        if (!expected.isClosed) till.closeAtHelcim(batch)
      }
    })
  })
})

describe('a batch that closed just before our call (fault 22)', () => {
  const ANSWERS: readonly [Switches['settleOfClosed'], string][] = [
    ['400', 'confirmed refused helcim'],
    ['409', 'confirmed declined helcim'],
    ['200', 'confirmed taken helcim'],
  ]
  const cases = SIDES.flatMap(([name, side]) =>
    ANSWERS.map(([answer, expected]) => [name, answer, expected, side] as const),
  )
  test.each(cases)('%s, answered %s: certain, Helcim’s doing, no alarm', async (_, settleOfClosed, expected, side) => {
    await withTill({ side, switches: { settleOfClosed } }, async (till) => {
      const batch = till.sell()
      const before = () => {
        till.closeAtHelcim(batch)
        // So late that nobody could take the close for ours.
        till.world.clock.advance(20_000)
      }
      // Between the pre-flight's last reading and the call.
      till.world.sandbox.faults.add({
        match: { method: 'GET', path: side.rowsPath },
        act: { kind: 'hook', after: before },
      })
      await till.settle()
      const [attempt] = await till.attempts(batch)
      expect(`${attempt?.state} ${attempt?.outcome} ${attempt?.closed_by}`).toBe(expected)
      expect(till.posts(batch)).toHaveLength(1)
      expect(await till.open(batch)).toEqual([])
    })
  })
})

async function outcomeOf(till: Till, batch: bigint) {
  const attempts = await till.attempts(batch)
  return {
    attempts: attempts.map(({ state, outcome }) => `${state} ${outcome}`),
    countPosts: till.posts(batch).length,
    isClosed: till.isClosed(batch),
    mismatches: (await till.open(batch)).filter((code) => code.startsWith('settlement')),
  }
}
