import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PersonAction } from '../../src/db/mismatches/act.ts'
import { listDailyBalance } from '../../src/db/mismatches/history.ts'
import { listOpenMismatches, type Mismatch } from '../../src/db/mismatches.ts'
import type { Finding } from '../../src/domain/mismatch.ts'
import { type Books, createDatabase, hoursAfterStart, type TestDatabase, totalDiffers } from './support.ts'

const SEED = Number(process.env.SEED ?? 31)
const COUNT_SUBJECTS = 3
const ZONE = 'America/Edmonton'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** What a run sees of one subject. */
type Sight =
  | { kind: 'not looked at' }
  | { kind: 'agrees' }
  | { kind: 'differs'; cents: number; severity: 'high' | 'critical' }
type Step = { kind: 'run'; sights: Sight[] } | { kind: 'person'; subjects: number[]; action: PersonAction }

const sight: fc.Arbitrary<Sight> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'not looked at' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'agrees' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('differs' as const),
      cents: fc.constantFrom(9_000, 9_001),
      severity: fc.constantFrom('high' as const, 'critical' as const),
    }),
  },
)
const action: fc.Arbitrary<PersonAction> = fc.constantFrom<PersonAction>(
  { kind: 'acknowledge' },
  { kind: 'assign', to: 'ben' },
  { kind: 'assign', to: null },
  { kind: 'note' },
  { kind: 'resolve', as: 'accepted' },
  { kind: 'resolve', as: 'accepted' },
  { kind: 'resolve', as: 'adjusted' },
  { kind: 'reopen' },
)
const step: fc.Arbitrary<{ hours: number; what: Step }> = fc.record({
  hours: fc.constantFrom(0, 1, 9, 30),
  what: fc.oneof(
    fc.record({
      kind: fc.constant('run' as const),
      sights: fc.array(sight, { minLength: COUNT_SUBJECTS, maxLength: COUNT_SUBJECTS }),
    }),
    fc.record({
      kind: fc.constant('person' as const),
      subjects: fc.uniqueArray(fc.integer({ min: 0, max: COUNT_SUBJECTS - 1 }), { minLength: 1 }),
      action,
    }),
  ),
})

/** What an accountant would write down about one subject. */
interface Line {
  state: string
  resolution: string | null
  owner: string | null
  isAcknowledged: boolean
  cents: number
  severity: string
  told: string[]
}

it('a mismatch keeps its identity through any life, and its history tells every transition once', async () => {
  console.info(`seed ${SEED}`)
  let countTransitions = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const books = await database.openBooks()
      const lines: (Line | null)[] = Array.from({ length: COUNT_SUBJECTS }, () => null)
      const ids = new Map<string, string>()
      let hours = 0
      for (const { hours: later, what } of steps) {
        hours += later
        if (what.kind === 'run') await runStep(books, lines, what.sights, hours)
        else await personStep(books, lines, what, { ids, hours })
        const found = await books.all()
        for (const { subjectId, mismatchId } of found) {
          expect(ids.get(subjectId) ?? mismatchId, 'a stable identity').toBe(mismatchId)
          ids.set(subjectId, mismatchId)
        }
        await expectLines(books, lines, found)
        await expectBalance(books, found)
      }
      countTransitions += lines.reduce((sum, line) => sum + (line?.told.length ?? 0), 0)
    }),
    { numRuns: 60, seed: SEED },
  )
  // Else the law would hold over nothing.
  expect(countTransitions).toBeGreaterThan(300)
})

async function runStep(books: Books, lines: (Line | null)[], sights: readonly Sight[], hours: number): Promise<void> {
  const findings: Finding[] = []
  const looked: string[] = []
  const expected = { countOpened: 0, countReopened: 0, countResolved: 0 }
  sights.forEach((one, subject) => {
    if (one.kind === 'not looked at') return
    looked.push(String(subject))
    const line = lines[subject] ?? null
    if (one.kind === 'agrees') {
      if (line === null) return
      if (line.state !== 'resolved') {
        expected.countResolved += 1
        line.told.push('resolved by tieout')
      }
      Object.assign(line, { state: 'resolved', resolution: 'automatic' })
      return
    }
    const { cents, severity } = one
    findings.push(totalDiffers(subject, cents, { severity }))
    if (line === null) {
      expected.countOpened += 1
      lines[subject] = {
        state: 'open',
        resolution: null,
        owner: null,
        isAcknowledged: false,
        cents,
        severity,
        told: ['opened by tieout'],
      }
      return
    }
    const isAsAccepted = line.resolution !== 'automatic' && line.cents === cents
    if (line.state === 'resolved' && !isAsAccepted) {
      expected.countReopened += 1
      line.told.push('reopened by tieout')
      Object.assign(line, { state: 'open', resolution: null, isAcknowledged: false })
    }
    Object.assign(line, { cents, severity })
  })
  const examined = [{ codes: ['card_batch_total_differs' as const], subjectRoots: looked }]
  expect(await books.run(findings, { at: hoursAfterStart(hours), examined })).toEqual(expected)
}

async function personStep(
  books: Books,
  lines: (Line | null)[],
  { subjects, action: decided }: { subjects: readonly number[]; action: PersonAction },
  { ids, hours }: { ids: ReadonlyMap<string, string>; hours: number },
): Promise<void> {
  const known = subjects.filter((subject) => lines[subject] !== null)
  if (known.length === 0) return
  const prefixes = known.map((subject) => ids.get(`${subject}:sales`) ?? '')
  const outcomes = await books.act(prefixes, decided, { note: 'because', at: hoursAfterStart(hours) })
  const changed = known.map((subject) => {
    const line = lines[subject]
    return line ? decide(line, decided) : false
  })
  expect(outcomes.map(({ unchanged }) => unchanged === null)).toEqual(changed)
}

/** @returns true when the action changes something */
function decide(line: Line, decided: PersonAction): boolean {
  switch (decided.kind) {
    case 'acknowledge':
      if (line.state !== 'open') return false
      Object.assign(line, { state: 'acknowledged', isAcknowledged: true })
      line.told.push('acknowledged by anna')
      return true
    case 'assign':
      if (line.owner === decided.to) return false
      line.owner = decided.to
      line.told.push('assigned by anna')
      return true
    case 'note':
      line.told.push('noted by anna')
      return true
    case 'resolve':
      if (line.state === 'resolved') return false
      Object.assign(line, { state: 'resolved', resolution: decided.as })
      line.told.push('resolved by anna')
      return true
    case 'reopen':
      if (line.state !== 'resolved') return false
      Object.assign(line, { state: 'open', resolution: null, isAcknowledged: false })
      line.told.push('reopened by anna')
      return true
  }
}

async function expectLines(books: Books, lines: readonly (Line | null)[], found: readonly Mismatch[]): Promise<void> {
  const told = await books.events()
  const bySubject = new Map(found.map((one) => [one.subjectId, one]))
  expect(bySubject.size).toBe(lines.filter((line) => line !== null).length)
  lines.forEach((line, subject) => {
    const one = bySubject.get(`${subject}:sales`)
    if (line === null) {
      expect(one).toBeUndefined()
      return
    }
    expect({
      state: one?.state,
      resolution: one?.resolution,
      owner: one?.assignedTo,
      isAcknowledged: one?.acknowledgedAt !== null,
      cents: Number(one?.actualMinor),
      severity: one?.severity,
      told: told.get(one?.mismatchId ?? ''),
    }).toEqual(line)
    expect(one?.countReopened).toBe(line.told.filter((event) => event.startsWith('reopened')).length)
    expect(one?.resolvedAt === null).toBe(line.state !== 'resolved')
  })
}

async function expectBalance(books: Books, found: readonly Mismatch[]): Promise<void> {
  const days = await listDailyBalance(database.db, { accountId: books.accountId, zone: ZONE })
  let countOpen = 0
  for (const day of days) {
    countOpen += day.countOpened + day.countReopened - day.countResolved
    expect(day.countOpen, day.day).toBe(countOpen)
  }
  expect(countOpen).toBe(found.filter(({ state }) => state !== 'resolved').length)
  expect(await listOpenMismatches(database.db, books.accountId)).toHaveLength(countOpen)
}

it('the balance does not hold once an event is lost or doubled', async () => {
  const isBalanced = async (books: Books) => {
    const days = await listDailyBalance(database.db, { accountId: books.accountId, zone: ZONE })
    const sum = (of: (day: (typeof days)[number]) => number) => days.reduce((total, day) => total + of(day), 0)
    const moved = sum((day) => day.countOpened + day.countReopened - day.countResolved)
    const open = await listOpenMismatches(database.db, books.accountId)
    return moved === days.at(-1)?.countOpen && moved === open.length
  }
  for (const damage of [
    `delete from recon.mismatch_events where account_id = $1 and kind = 'resolved'`,
    `insert into recon.mismatch_events (account_id, mismatch_id, kind, at, actor, severity)
      select account_id, mismatch_id, kind, at, actor, severity from recon.mismatch_events
      where account_id = $1 and kind = 'resolved'`,
  ]) {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000), totalDiffers(2, 9_000)])
    await books.run([totalDiffers(1, 9_000)], { at: hoursAfterStart(20) })
    expect(await isBalanced(books)).toBe(true)
    await database.pool.query(damage, [books.accountId])
    expect(await isBalanced(books)).toBe(false)
  }
})
