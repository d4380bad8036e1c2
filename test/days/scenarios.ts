import { toInstant } from '../../src/domain/clock.ts'
import { type DefectName, type DefectOptions, LABELLED_DEFECTS } from '../../src/sandbox/defects/catalogue.ts'
import type { ScenarioOptions, Switches } from '../../src/sandbox/options.ts'
import { createRandom, type Random } from '../../src/sandbox/random.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'

export const HISTORY_DAYS = 13
const TERMINALS = [54181, 54182] as const
const zone = createZone('America/Edmonton')

/** A fortnight of a small shop, the last day until early afternoon. */
export function shopUntil(lastDay: string, defects: ScenarioOptions['defects'] = 'none') {
  const startsOn = addDays(lastDay, -HISTORY_DAYS)
  const endsAt = zone.at(lastDay, '14:00')
  return {
    now: new Date(endsAt + 5_000).toISOString(),
    historyDays: HISTORY_DAYS,
    scenario: { startsOn, endsAt, customers: 40, salesPerDay: { min: 15, max: 30 }, defects },
  }
}

/**
 * All labelled defects in an order of the seed's own, a day apart on each terminal. The batch that stays open ends its
 * terminal's series, so it comes last; what strikes a batch that is never returned cannot be seen, so the day after
 * that one is left free.
 */
export function allDefects(seed: number, lastDay: string): DefectOptions[] {
  const random = createRandom(seed, 'places')
  const others = shuffle(
    LABELLED_DEFECTS.filter((name) => name !== 'card_batch_open_too_long'),
    random,
  )
  const half = Math.ceil(others.length / 2)
  const lists = [others.slice(0, half), others.slice(half)]
  const placed: DefectOptions[] = []
  for (const [index, terminalId] of TERMINALS.entries()) {
    let day = 1
    const place = (name: DefectName) => {
      placed.push({ name, terminalId, at: at(lastDay, day) })
      day += name === 'card_batch_missing' ? 2 : 1
    }
    for (const name of lists[index] ?? []) place(name)
    if (index === TERMINALS.length - 1) place('card_batch_open_too_long')
  }
  return placed
}

const at = (lastDay: string, day: number) => toInstant(zone.at(addDays(lastDay, day - HISTORY_DAYS), '13:00'))

function shuffle<T>(values: readonly T[], random: Random): T[] {
  return values
    .map((value) => ({ value, place: random.fraction() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value)
}

const CHOICES = {
  listOrder: ['newest-first', 'ascending', 'shuffled-stable', 'shuffled-each-time'],
  dateTo: ['inclusive', 'exclusive'],
  pagePastEnd: ['empty', 'repeat-last'],
  hourHeader: ['constant', 'falling'],
  zone: ['America/Edmonton', '-07:00'],
  statisticsTypes: ['mixed', 'numbers', 'strings'],
  statusSpelling: ['mixed', 'APPROVAL', 'APPROVED'],
  refundRow: ['original-invoice', 'empty', 'with-parent'],
  amountTypes: ['number', 'string', 'four-decimals'],
  batchCounts: ['all', 'without-verify', 'without-preauth-and-verify'],
  envelope: ['bare', 'data', 'named'],
  pageSizeMax: [1000, 100],
} as const satisfies { [Name in keyof Switches]?: readonly Switches[Name][] }

/** A different one for each seed; over the seeds each value meets many others. */
export function switchesOf(seed: number): Partial<Switches> {
  const entries = Object.entries(CHOICES).map(([name, values], index) => {
    const turn = seed + Math.floor(seed / values.length) * (index % 5)
    return [name, values[turn % values.length]]
  })
  const switches: Partial<Switches> = Object.fromEntries(entries)
  // Pages of a list that is shuffled anew each time overlap: nobody can read such a list in more than one page.
  return switches.listOrder === 'shuffled-each-time' ? { ...switches, pageSizeMax: 1000 } : switches
}
