import type { DefectOptions } from '../../src/sandbox/defects/catalogue.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'

/** Something that happens to the shop after a look at it. */
export interface Act {
  /** The strike it is about, by its place in the plan. */
  readonly defect: number
  readonly kind: 'strike' | 'heal' | 'relapse'
  /** Day of the week from 1, and which of its looks from 0. */
  readonly day: number
  readonly turn: number
}

export interface WeekPlan {
  readonly defects: readonly DefectOptions[]
  readonly acts: readonly Act[]
}

/** What a batch says of itself, struck while it is open. */
const LIES = [
  'card_batch_total_differs:sales',
  'card_batch_total_differs:refunds',
  'card_batch_total_differs:net',
  'card_batch_total_differs:reversed',
  'card_batch_count_differs',
] as const
/** Rows of the batch that closed last, while nothing has touched that. */
const ROWS = [
  'record_changed',
  'record_changed:status',
  'record_changed:type',
  'record_changed:currency',
  'record_disappeared',
  'record_disappeared:list-only',
] as const
/** New rows of a moment, in no batch or in the open one. The last three are not damaged again once they are healed. */
const NEW_ROWS = [
  'value_unknown:status',
  'record_undecodable:no-batch',
  'record_undecodable',
  'value_unknown:sale',
] as const
const TERMINALS = [54181, 54182] as const
/**
 * Days on which batches are struck while they are open, and on which rows of the one that closed last are: never the
 * same batch twice, and none older than the seven days that a night reads again until it has come, gone, come back and
 * gone.
 */
const PATTERNS = [
  { lies: [2, 3], rows: [1, 2] },
  { lies: [1, 3], rows: [1, 3] },
] as const
const TURNS = 2

/** Which defects come, go, return and go again in a week, by the seed. */
export function planWeek(seed: number): WeekPlan {
  const random = createRandom(seed, 'week')
  const shuffled = <T>(values: readonly T[]): T[] =>
    values
      .map((value) => ({ value, place: random.fraction() }))
      .sort((a, b) => a.place - b.place)
      .map(({ value }) => value)
  const patterns = TERMINALS.map((terminalId) => ({ terminalId, ...random.pick(PATTERNS) }))
  const lies = shuffled(LIES)
  const rows = shuffled(ROWS)
  const placesOf = (kind: 'lies' | 'rows') =>
    patterns.flatMap(({ terminalId, [kind]: days }) => days.map((day) => ({ terminalId, day })))
  const placed = [
    ...placesOf('lies').map((place, index) => ({ name: lies[index] ?? LIES[0], ...place })),
    ...placesOf('rows').map((place, index) => ({ name: rows[index] ?? ROWS[0], ...place })),
    ...NEW_ROWS.map((name) => ({ name, ...random.pick(placesOf('lies')) })),
  ]
  const acts = placed.flatMap(({ name, day }, defect): Act[] => {
    const turn = () => random.integer(0, TURNS - 1)
    const comings: Act[] = [
      { defect, kind: 'strike', day, turn: turn() },
      { defect, kind: 'heal', day: day + 1, turn: turn() },
    ]
    if (NEW_ROWS.slice(1).some((one) => one === name)) return comings.slice(0, random.integer(1, 2))
    const goings: Act[] = [
      { defect, kind: 'relapse', day: day + 2, turn: turn() },
      { defect, kind: 'heal', day: day + 3, turn: turn() },
    ]
    return [...comings, ...goings.slice(0, random.integer(1, 2))]
  })
  return { defects: placed.map(({ name, terminalId }) => ({ name, terminalId })), acts }
}

/**
 * Carries out what falls on a turn; a defect that finds nothing to damage stays away altogether.
 * @param strikes numbers of those that struck, by their place in the plan
 * @returns what was done
 */
export function carryOut(
  plan: WeekPlan,
  at: { day: number; turn: number },
  { state }: Sandbox,
  strikes: Map<number, number>,
): string[] {
  return plan.acts
    .filter(({ day, turn }) => day === at.day && turn === at.turn)
    .flatMap(({ defect, kind }) => {
      const options = plan.defects[defect]
      if (options && kind === 'strike') strike(options, defect)
      const number = strikes.get(defect)
      if (number === undefined) return []
      if (kind !== 'strike') state[kind](number)
      return [`${kind} ${options?.name}`]
    })

  function strike(options: DefectOptions, defect: number): void {
    try {
      const number = state.apply(options)
      if (number !== null) strikes.set(defect, number)
    } catch (error) {
      if (!String(error).includes('finds nothing to damage')) throw error
    }
  }
}
