import { DEFAULT_TERMINALS, type ScenarioOptions } from './options.ts'

/** Local days of history that the demo's defects are laid out for: start the clock this long after `startsOn`. */
export const DEMO_HISTORY_DAYS = 35

/**
 * A shop with two terminals, some hundred customers and sixty subscriptions, whose month hides six defects of different
 * codes.
 * @param startsOn local date of the first day, e.g. 35 days before the clock starts
 */
export function demoScenario(startsOn: string): ScenarioOptions {
  return {
    startsOn,
    customers: 120,
    terminals: DEFAULT_TERMINALS,
    salesPerDay: { min: 60, max: 120 },
    billing: { subscriptions: 60 },
    defects: [
      'card_batch_total_differs:sales',
      'record_undecodable',
      'card_batch_count_differs',
      'card_batch_number_gap',
      'card_batch_currency_mixed',
      'card_batch_changed_after_close',
    ],
  }
}
