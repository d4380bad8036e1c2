import { type Instant, toInstant } from '../../domain/clock.ts'
import type { History } from '../history/history.ts'
import type { Merchant } from '../merchant.ts'
import type { ScenarioOptions } from '../options.ts'
import { createRandom } from '../random.ts'
import type { TruthLedger } from '../truth.ts'
import { addDays, createZone } from '../zone.ts'
import { DEFECTS, type DefectName, type DefectOptions, LABELLED_DEFECTS } from './catalogue.ts'
import { createStrike, type StrikeFacts } from './strikes.ts'

export interface DefectSchedule {
  /** Puts the scenario's defects on the timeline. */
  plan(scenario: ScenarioOptions): void
  /**
   * @returns the number of the strike; null when it is to strike later
   * @throws Error when it shall strike now and finds nothing to damage
   */
  apply(defect: DefectName | DefectOptions, now: Instant): number | null
  /** What struck until now, in order. */
  strikes(): readonly StrikeFacts[]
  /** @throws Error that names the strike, when there is none with this number or it cannot be taken back */
  heal(strike: number): void
  /** Does the same damage to the same records again. @throws Error as `heal` does */
  relapse(strike: number): void
}

const STRIKE_AT = '13:00'
const RETRY_MS = 3_600_000

export function createDefectSchedule(options: {
  merchant: Merchant
  history: History
  ledger: TruthLedger
  seed: number
  isEditTold: boolean
  isParentTold: boolean
  isInvoiceTold: boolean
  ignoreFilters: (names: readonly string[]) => void
  heedFilters: (names: readonly string[]) => void
}): DefectSchedule {
  const { merchant, history, seed } = options
  const zone = createZone('America/Edmonton')
  const struck: ReturnType<typeof createStrike>[] = []
  let countStruck = 0

  const strike = ({ name, terminalId }: DefectOptions, at: Instant): number | null => {
    countStruck += 1
    const one = createStrike({
      strike: countStruck,
      name,
      touchedLater: (record) => struck.some((each) => each.facts().strike > one.facts().strike && each.touches(record)),
      context: {
        ...options,
        at,
        terminalId: terminalId === undefined ? terminalDefault(name) : BigInt(terminalId),
        random: createRandom(seed, 'defect', name, countStruck),
      },
    })
    if (!DEFECTS[name](one.context)) return null
    struck.push(one)
    return one.facts().strike
  }
  const strikeOf = (number: number) => {
    const one = struck.find((each) => each.facts().strike === number)
    if (!one) throw new Error(`there is no strike ${number}`)
    return one
  }
  const terminalDefault = (name: DefectName): bigint => {
    const terminals = merchant.terminals()
    const terminal = name.startsWith('card_batch_open_too_long') ? terminals.at(-1) : terminals.at(0)
    if (!terminal) throw new Error('a merchant without terminals has no defects')
    return terminal.id
  }
  /** What finds nothing to damage yet tries again an hour later. */
  const schedule = (defect: DefectOptions, at: Instant): void =>
    history.schedule(at, () => {
      if (strike(defect, at) === null) schedule(defect, toInstant(at + RETRY_MS))
    })

  return {
    plan({ defects = 'none', startsOn }) {
      const listed = defects === 'none' ? [] : defects === 'labelled' ? LABELLED_DEFECTS : defects
      for (const [index, each] of listed.entries()) {
        const defect = typeof each === 'string' ? { name: each } : each
        schedule(defect, defect.at ?? zone.at(addDays(startsOn, index + 1), STRIKE_AT))
      }
    },
    apply(each, now) {
      const defect = typeof each === 'string' ? { name: each } : each
      if (defect.at !== undefined && defect.at > now) {
        schedule(defect, defect.at)
        return null
      }
      const number = strike(defect, now)
      if (number === null) throw new Error(`${defect.name} finds nothing to damage yet`)
      return number
    },
    strikes: () => struck.map((each) => each.facts()),
    heal: (number) => strikeOf(number).heal(),
    relapse: (number) => strikeOf(number).relapse(),
  }
}
