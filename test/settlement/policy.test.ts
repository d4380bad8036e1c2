import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { isAutomaticClose } from '../../src/domain/automatic-close.ts'
import { businessDateOf, plannedInstants } from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import { type CallOutcome, resolveAttempt } from '../../src/domain/settlement.ts'
import {
  type BatchSituation,
  decideSettlement,
  parseDaysOff,
  type SettlementPolicy,
} from '../../src/domain/settlement-policy.ts'

const at = (text: string): Instant => toInstant(Date.parse(text))
const policyWith = (change: Partial<SettlementPolicy> = {}): SettlementPolicy => ({
  ...readConfig({}).settle.policy,
  mode: 'on',
  ...change,
})
const SOUND: BatchSituation = {
  kind: 'card_batch',
  terminalId: 54181n,
  openedAt: at('2026-10-14T15:00:00Z'),
  isClosed: false,
  isStrictlyOpen: true,
  currency: 'CAD',
  netMinor: 10_000n,
  countTotal: 4,
  tie: 'tied',
  mismatches: [],
  obstacle: null,
}
const NOON = at('2026-10-14T18:00:00Z')
const byPlan = { now: NOON, cutOffAt: NOON, zone: 'America/Toronto' }
const byHand = { ...byPlan, cutOffAt: null }
const decide = (
  policy: Partial<SettlementPolicy>,
  situation: Partial<BatchSituation>,
  occasion = byPlan as typeof byPlan | typeof byHand,
) => {
  const { verdict, reasons } = decideSettlement(policyWith(policy), { ...SOUND, ...situation }, occasion)
  return `${verdict} ${reasons.map(({ code, weight }) => `${code}:${weight}`).join(' ')}`.trim()
}

describe('the policy', () => {
  test('with nothing against it a batch is settled', () => {
    expect(decide({}, {})).toBe('settle')
    expect(decide({}, {}, byHand)).toBe('settle')
  })

  test.each<[string, Partial<SettlementPolicy>, Partial<BatchSituation>, string, string]>([
    ['a day off by weekday', { daysOff: parseDaysOff('wed,Sunday') }, {}, 'skip day_off:skip', 'settle day_off:note'],
    ['a holiday', { daysOff: parseDaysOff('2026-10-14') }, {}, 'skip day_off:skip', 'settle day_off:note'],
    ['another terminal', { terminals: [1n] }, {}, 'skip terminal_not_listed:skip', 'settle terminal_not_listed:note'],
    ['too young', { ageMsMin: 4 * 3_600_000 }, {}, 'skip too_young:skip', 'settle too_young:note'],
    ['too few', { countMin: 5 }, {}, 'skip too_few:skip', 'settle too_few:note'],
    ['too little', { netMinorMin: 10_001n }, {}, 'skip net_too_low:skip', 'settle net_too_low:note'],
    ['too much for nobody', { netMinorMax: 9_999n }, {}, 'hold net_too_high:hold', 'settle net_too_high:note'],
    [
      'a terminal of its own',
      { byTerminal: new Map([[54181n, { countMin: 9 }]]) },
      {},
      'skip too_few:skip',
      'settle too_few:note',
    ],
    ['closed', {}, { isClosed: true, isStrictlyOpen: false }, 'skip closed:skip', 'skip closed:skip'],
    ['not plainly open', {}, { isStrictlyOpen: false }, 'hold not_strictly_open:hold', 'hold not_strictly_open:hold'],
    ['totals that differ', {}, { tie: 'differs' }, 'hold totals_differ:hold', 'hold totals_differ:hold'],
    ['totals not read together', {}, { tie: 'waiting' }, 'hold totals_waiting:hold', 'hold totals_waiting:hold'],
    [
      'a bad mismatch',
      {},
      { mismatches: [{ code: 'x', severity: 'high' }] },
      'hold mismatch_open:hold',
      'hold mismatch_open:hold',
    ],
    ['a small mismatch', {}, { mismatches: [{ code: 'x', severity: 'medium' }] }, 'settle', 'settle'],
    [
      'an attempt under way',
      {},
      { obstacle: { code: 'attempt_unfinished', text: '' } },
      'hold attempt_unfinished:hold',
      'hold attempt_unfinished:hold',
    ],
  ])('%s', (_, policy, situation, planned, asked) => {
    expect(decide(policy, situation)).toBe(planned)
    expect(decide(policy, situation, byHand)).toBe(asked)
  })

  test('a batch opened after the cut-off belongs to the next one, however late the look', () => {
    const late = { ...byPlan, now: toInstant(NOON + 3_600_000) }
    expect(decide({}, { openedAt: toInstant(NOON + 1) }, late)).toBe('skip opened_after_cut_off:skip')
    expect(decide({}, { openedAt: NOON }, late)).toBe('settle')
    expect(decide({}, { openedAt: null }, late)).toBe('skip opened_after_cut_off:skip too_young:skip')
  })

  test('keeps clear of Helcim’s own close, in Mountain Time on both sides of both clock changes', () => {
    // 17:00 is 23:00 UTC in summer and midnight UTC in winter.
    const holds = (now: string) =>
      decide({ clearMs: 600_000 }, { openedAt: at('2026-01-01T00:00:00Z') }, { ...byPlan, now: at(now) })
    for (const close of [
      '2026-10-31T23:00:00Z',
      '2026-11-02T00:00:00Z',
      '2026-03-08T00:00:00Z',
      '2026-03-08T23:00:00Z',
    ]) {
      const around = (ms: number) => holds(new Date(Date.parse(close) + ms).toISOString())
      expect([around(-600_001), around(-600_000), around(119_999), around(120_000)]).toEqual([
        'settle',
        'hold close_is_near:hold',
        'hold close_is_near:hold',
        'settle',
      ])
      expect(isAutomaticClose(['17:00'], at(close))).toBe(true)
      expect(isAutomaticClose([], at(close))).toBe(false)
    }
    expect(decide({ helcimClosesAt: [] }, {}, { ...byPlan, now: at('2026-10-14T23:00:00Z') })).toBe('settle')
  })
})

describe('cut-offs per local business date (fault 11)', () => {
  test.each(['America/Edmonton', 'America/St_Johns', 'Europe/Berlin', 'Australia/Lord_Howe'])(
    '%s: one a day through both clock changes, month ends and a leap day',
    (zone) => {
      for (const cron of ['30 16 * * *', '30 1 * * *', '15 2 * * *']) {
        const range = { after: at('2027-10-01T12:00:00Z'), until: at('2028-12-01T12:00:00Z') }
        const days = plannedInstants({ cron, zone, ...range, limit: 1_000 }).map((one) => businessDateOf(one, zone))
        expect(days.length).toBe(new Set(days).size)
        expect(days.length).toBeGreaterThanOrEqual(426)
        expect(days).toContain('2028-02-29')
        expect(days).toContain('2027-12-31')
      }
    },
  )
})

describe('an attempt is ended by a reading only', () => {
  const calledAt = at('2026-10-14T18:00:00.400Z')
  const endedBy = (
    outcome: CallOutcome | null,
    reading: Parameters<typeof resolveAttempt>[1],
    isQuiet = true,
    isAutomatic = false,
  ) => {
    const resolved = resolveAttempt({ calledAt, outcome }, reading, { isQuiet, isCloseAutomatic: () => isAutomatic })
    return resolved.state === 'confirmed' ? `${resolved.state} ${resolved.closedBy}` : resolved.state
  }
  const closed = (text: string) => ({ kind: 'closed', closedAt: at(text) }) as const
  const ALL: (CallOutcome | null)[] = ['taken', 'refused', 'declined', 'limited', 'unsent', 'unclear', null]

  test('an unclear reading ends none', () => {
    for (const outcome of ALL) expect(endedBy(outcome, { kind: 'unclear' })).toBe('unknown')
  })

  test('an open batch ends only what Helcim refused, until nothing can be under way', () => {
    for (const outcome of ALL) {
      expect(endedBy(outcome, { kind: 'open' }, false)).toBe(outcome === 'refused' ? 'refused' : 'unknown')
      const isNo = outcome === 'refused' || outcome === 'declined'
      expect(endedBy(outcome, { kind: 'open' }, true)).toBe(isNo ? 'refused' : 'not_taken')
    }
  })

  test.each<[string, CallOutcome | null, string, boolean, string]>([
    ['by our call', 'taken', '2026-10-14T18:00:00Z', false, 'tieout'],
    ['by our call, unanswered', null, '2026-10-14T18:00:02Z', false, 'tieout'],
    ['long before our call', 'taken', '2026-10-14T17:59:54Z', false, 'helcim'],
    ['at the automatic close, a second before our call', 'taken', '2026-10-14T17:59:59Z', true, 'helcim'],
    ['at the automatic close, in the second of our call', 'taken', '2026-10-14T18:00:00Z', true, 'tieout'],
    ['at the automatic close, and nobody can tell', 'unclear', '2026-10-14T18:00:01Z', true, 'either'],
    ['although Helcim refused ours', 'refused', '2026-10-14T18:00:01Z', false, 'helcim'],
    ['although ours was never sent', 'unsent', '2026-10-14T18:00:01Z', false, 'helcim'],
  ])('closed %s', (_, outcome, closedAt, isAutomatic, closer) => {
    expect(endedBy(outcome, closed(closedAt), false, isAutomatic)).toBe(`confirmed ${closer}`)
  })
})
