import { describe, expect, it } from 'vitest'
import { CHANGE_DEFECTS, LABELLED_DEFECTS } from '../../src/sandbox/defects/catalogue.ts'
import type { Truth } from '../../src/sandbox/truth.ts'
import { findBetween, findInOneLook, look } from './oracle.ts'
import { start } from './support.ts'

const LOCAL_NOW = '2026-11-10 12:30:00'
const OPTIONS = { now: '2026-11-10T19:30:00Z', switches: { refundRow: 'with-parent' } } as const

/** What strikes them stays: a number that was skipped, a batch that was never returned, a row that came too late. */
const LASTING = [
  'card_batch_missing',
  'card_batch_number_gap',
  'card_batch_open_too_long',
  'card_batch_changed_after_close',
] as const

const isChange = (key: string) => key.startsWith('record_changed')
const keys = ({ defects }: Truth) => defects.map(({ code, subject }) => `${code} ${subject.kind} ${subject.id}`).sort()

describe('what a defect did', () => {
  it.each([...LABELLED_DEFECTS, ...CHANGE_DEFECTS].filter((name) => !LASTING.some((one) => one === name)))(
    '%s is taken back and done again, and the truth agrees with what is served',
    async (name) => {
      const client = await start(OPTIONS)
      const { state, truth } = client.sandbox
      const before = await look(client)
      const found = async (since = before) => {
        const after = await look(client)
        return [...new Set([...findBetween(since, after), ...findInOneLook(after, LOCAL_NOW)])].sort()
      }
      const strike = state.apply(name) ?? 0
      const struck = await look(client)
      const damage = keys(truth())
      expect(damage).not.toEqual([])

      state.heal(strike)
      // A row that was damaged from its first moment changes when it is healed, for whoever saw it before.
      expect(await found(before)).toEqual([])
      const changes = keys(truth())
      expect(changes.filter((key) => !isChange(key))).toEqual([])
      const isSeenBefore = CHANGE_DEFECTS.includes(name)
      if (changes.length > 0) expect((await found(struck)).filter(isChange)).toEqual(changes)
      else if (!isSeenBefore && !name.startsWith('record_undecodable')) expect(await found(struck)).toEqual([])

      state.relapse(strike)
      expect(keys(truth())).toEqual(damage)
      expect(await found()).toEqual(damage)
      expect(state.strikes()).toMatchObject([{ strike, name, isHealed: false }])
    },
  )

  it.each(LASTING)('%s cannot be taken back, which is said', async (name) => {
    const client = await start(OPTIONS)
    const strike = client.sandbox.state.apply(name) ?? 0
    const damage = keys(client.sandbox.truth())
    expect(() => client.sandbox.state.heal(strike)).toThrow(`strike ${strike} (${name}) cannot be healed: `)
    expect(keys(client.sandbox.truth())).toEqual(damage)
  })

  it('to a batch that was open is not taken back once the batch has closed on it', async () => {
    const client = await start(OPTIONS)
    const strike = client.sandbox.state.apply('record_changed:open') ?? 0
    client.clock.set('2026-11-11T01:00:00Z')
    expect(() => client.sandbox.state.heal(strike)).toThrow(/has closed since/)
  })

  it('is not taken back under a later one on the same record', async () => {
    const client = await start(OPTIONS)
    const { state } = client.sandbox
    const [first, second] = [state.apply('card_batch_total_differs:net'), state.apply('card_batch_total_differs:sales')]
    expect(() => state.heal(first ?? 0)).toThrow(/a later one struck batch \d+ as well/)
    state.heal(second ?? 0)
    state.heal(first ?? 0)
    expect(keys(client.sandbox.truth())).toEqual([])
    expect(() => state.heal(first ?? 0)).toThrow(/it is healed/)
    expect(() => state.heal(99)).toThrow('there is no strike 99')
  })

  it('to the statement of a batch that has closed since: its return is a change after the close', async () => {
    const client = await start(OPTIONS)
    const { state, truth } = client.sandbox
    const strike = state.apply('card_batch_total_differs:net') ?? 0
    state.heal(strike)
    client.clock.set('2026-11-11T01:00:00Z')
    state.relapse(strike)
    expect(keys(truth()).map((key) => key.split(' ')[0])).toEqual([
      'card_batch_changed_after_close',
      'card_batch_total_differs',
    ])
    state.heal(strike)
    expect(keys(truth())).toEqual([])
  })
})
