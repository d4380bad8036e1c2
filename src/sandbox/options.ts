import type { Clock, Instant } from '../domain/clock.ts'
import type { DefectName, DefectOptions } from './defects/catalogue.ts'
import type { CallLimits } from './limits.ts'
import type { TokenOptions } from './tokens.ts'
import type { WebhookOptions } from './webhooks.ts'
import type { ZoneName } from './zone.ts'

export interface SandboxOptions {
  /** Tells "now"; all three windows are measured in its milliseconds. */
  readonly clock: Clock
  /** 0 takes a free port. */
  readonly port?: number
  /** Everything served is a function of seed, options, what clients did, and the clock. */
  readonly seed: number
  readonly scenario: ScenarioOptions
  readonly switches?: Partial<Switches>
  /** Default 5 in progress, 100 in 60 s, 3,000 in 60 min (API.md §2). */
  readonly limits?: CallLimits
  /** Default: one token, `sandbox-token`, that may do everything. */
  readonly tokens?: readonly TokenOptions[]
  /** Tells of new card transactions; default: nobody. */
  readonly webhook?: WebhookOptions
  /** Real milliseconds that a call takes, fixed or drawn by seed; default 2 to 5. */
  readonly serviceTimeMs?: number | Range
}

export interface Range {
  readonly min: number
  readonly max: number
}

export const rangeOf = (range: number | Range): Range =>
  typeof range === 'number' ? { min: range, max: range } : range

export interface ScenarioOptions {
  /** Local date (America/Edmonton) at whose midnight history begins. */
  readonly startsOn: string
  /** After this instant nothing more is sold or refunded; open batches still close. Default: never. */
  readonly endsAt?: Instant
  readonly customers?: number
  readonly terminals?: readonly TerminalOptions[]
  /** Sales per local day, over all terminals. */
  readonly salesPerDay?: number | Range
  /** `labelled`: every defect that one look can show, a day apart from the second day on (`LABELLED_DEFECTS`). */
  /**
   * Card data of years before `startsOn`, made up row by row as they are read and never kept, for merchants too large for
   * memory; their invoices and customers' changes are not told. Default: none.
   */
  readonly archive?: ArchiveOptions
  /**
   * Customers, invoices, plans, add-ons, subscriptions that bill by themselves, and ACH. Default null: a till and nothing
   * else; all those lists are empty then, and card data are the same bytes as ever.
   */
  readonly billing?: BillingOptions | null
  readonly defects?: 'none' | 'labelled' | readonly (DefectName | DefectOptions)[]
}

export interface ArchiveOptions {
  /** Local date of the first day; the last one is the day before `startsOn`. */
  readonly from: string
  readonly transactionsPerDay: number
}

/** What happens beside the till. Shares are of 1. */
export interface BillingOptions {
  /** Subscriptions brought along on the first day; their due dates are spread over a period of their plan. Default 60. */
  readonly subscriptions?: number
  /** New customers with a new subscription, per local day. Default 1 to 2. */
  readonly signUpsPerDay?: number | Range
  /** Of charges on cards that are good. Default 0.06. */
  readonly declineShare?: number
  /** Days after which a declined charge is tried again; `[]` as Helcim has it until a merchant switches it on. Default 3, 5, 7. */
  readonly retryAfterDays?: readonly number[]
  /** Of bank payments that have cleared, how many are returned days later. Default 0.04. */
  readonly returnShare?: number
  /** Of the subscribers, how many leave, pause, change price, or take an add-on in their first 60 days. Default 0.1 each. */
  readonly changeShare?: number
  /** Invoices sent to customers, per local day; most get paid by card or bank, others become overdue. Default 2 to 4. */
  readonly invoicesPerDay?: number | Range
}

export interface TerminalOptions {
  readonly id: number
  readonly currency: 'CAD' | 'USD'
  readonly nickname?: string
  /** Number of the first batch of history. */
  readonly batchNumberFirst?: number
}

export const DEFAULT_TERMINALS: readonly TerminalOptions[] = [
  { id: 54181, currency: 'CAD', nickname: 'Card Terminal Live - CAD', batchNumberFirst: 559 },
  { id: 54182, currency: 'USD', nickname: 'Card Terminal Live - USD', batchNumberFirst: 212 },
]

/** What Helcim's documents leave open (API.md, table of a simulator), each with what is known or likeliest as default. */
export interface Switches {
  readonly listOrder: 'newest-first' | 'ascending' | 'shuffled-stable' | 'shuffled-each-time'
  readonly dateTo: 'inclusive' | 'exclusive'
  readonly pagePastEnd: 'empty' | 'repeat-last'
  readonly batchList: 'all' | 'first-100'
  readonly settleOfClosed: '400' | '200' | '409'
  readonly settleAnswer: 'without-statistics' | 'with-statistics'
  readonly tooManyRequests: 'json' | 'html' | 'json-with-retry-after'
  readonly hourHeader: 'constant' | 'falling'
  /** Zone of what is written and of date filters; batches close at 17:00 America/Edmonton in any case. */
  readonly zone: ZoneName
  readonly statisticsTypes: 'mixed' | 'numbers' | 'strings'
  readonly statusSpelling: 'mixed' | 'APPROVAL' | 'APPROVED'
  /** Keys of refund and reverse rows. */
  readonly refundRow: 'original-invoice' | 'empty' | 'with-parent'
  /** Clock seconds until a new row can be read; statistics count it at once. */
  readonly lagSeconds: number
  readonly amountTypes: 'number' | 'string' | 'four-decimals'
  /** Types that the three counts of a batch include. */
  readonly batchCounts: 'all' | 'without-verify' | 'without-preauth-and-verify'
  /** `named`: `{"transactions":[…]}`, `{"batches":[…]}`. */
  readonly envelope: 'bare' | 'data' | 'named'
  /** List and single record of ACH. */
  readonly achEnvelope: 'named' | 'bare'
  readonly achSingle: 'bare' | 'wrapped'
  /** Statuses, types and currencies of ACH; the filters take names in any case. */
  readonly achCodes: 'numbers' | 'names'
  readonly achBankKey: 'bankAccountL4L4' | 'bankAccountL4l4'
  /** When ACH batches close: both hours are documented. */
  readonly achClosesAt: '17:00' | '15:45'
  /** Key `data` around what the Recurring API says, or nothing. */
  readonly recurringEnvelope: 'data' | 'bare'
  readonly recurringStatusWord: 'ok' | 'success'
  /** An empty list, and an id that is not there: no body, or an empty `data`; or 404 for the id. */
  readonly recurringNothing: '204' | 'empty-data' | '404-for-id'
  /** Names that the Recurring API's lists listen to: `limit` and `offset`, `limit` and `page`, or none. */
  readonly recurringPaging: 'offset' | 'page' | 'none'
  /** The starting index of the first row. */
  readonly recurringOffsetBase: 0 | 1
  /** Whether `includeSubObjects=true` also works on the list of subscriptions. */
  readonly subObjectsOnList: boolean
  readonly subscriptionAddOnsKey: 'subscriptionAddOns' | 'addOns'
  readonly hasFailedPayments: 'yes-no' | 'true-false' | 'number' | 'boolean'
  /** When a subscription's `dateUpdated` moves: at changes by people, with each charge too, or never. */
  readonly subscriptionDateUpdated: 'edits' | 'everything' | 'never'
  /** What `amount` of a subscription's payment says: the sum charged, that without tax, or the recurring part alone. */
  readonly subscriptionAmount: 'charged' | 'before-tax' | 'recurring'
  /** The parts of a payment that waits: zero as in the guide, or filled. */
  readonly waitingParts: 'zero' | 'filled'
  /** When the card transaction of a recurring charge is made after its `dateProcessed`. */
  readonly recurringCharge: 'seconds-later' | 'hours-later' | 'missing'
  /** Rows per page of invoices, which have no `limit`. */
  readonly invoicePageSize: number
  /** Whether the last day of a date filter of invoices and ACH belongs to it, as documented. */
  readonly dateEnd: 'inclusive' | 'exclusive'
  /** How codes and numbers of customers and invoices filter. */
  readonly codeFilter: 'equal' | 'beginning'
  readonly cellphoneKey: 'cellphone' | 'cellPhone'
  /** Cards of a single customer. */
  readonly cardsById: 'asked' | 'always' | 'never'
  /** Query parameters that are silently not applied. */
  readonly filtersIgnored: readonly string[]
  /** Rows per page at most, whatever `limit` says (the documented maximum is 1000). */
  readonly pageSizeMax: number
  /** Status of an id of card data, a customer or an invoice that is not there; both are documented. */
  readonly unknownId: 404 | 400
  /** Status with `No access permission`. */
  readonly noPermission: 403 | 401
  /** Status when the token is missing or unknown. */
  readonly unauthorized: 401 | 403
  /** Whether a refused call still fills the windows. */
  readonly refusedCallsCount: boolean
}

export const DEFAULT_SWITCHES: Switches = {
  listOrder: 'newest-first',
  dateTo: 'inclusive',
  pagePastEnd: 'empty',
  batchList: 'all',
  settleOfClosed: '400',
  settleAnswer: 'without-statistics',
  tooManyRequests: 'json',
  hourHeader: 'constant',
  zone: 'America/Edmonton',
  statisticsTypes: 'mixed',
  statusSpelling: 'mixed',
  refundRow: 'original-invoice',
  lagSeconds: 0,
  amountTypes: 'number',
  batchCounts: 'all',
  envelope: 'bare',
  achEnvelope: 'named',
  achSingle: 'bare',
  achCodes: 'numbers',
  achBankKey: 'bankAccountL4L4',
  achClosesAt: '17:00',
  recurringEnvelope: 'data',
  recurringStatusWord: 'ok',
  recurringNothing: '204',
  recurringPaging: 'offset',
  recurringOffsetBase: 0,
  subObjectsOnList: false,
  subscriptionAddOnsKey: 'subscriptionAddOns',
  hasFailedPayments: 'yes-no',
  subscriptionDateUpdated: 'edits',
  subscriptionAmount: 'charged',
  waitingParts: 'zero',
  recurringCharge: 'seconds-later',
  invoicePageSize: 100,
  dateEnd: 'inclusive',
  codeFilter: 'equal',
  cellphoneKey: 'cellphone',
  cardsById: 'asked',
  filtersIgnored: [],
  pageSizeMax: 1000,
  unknownId: 404,
  noPermission: 403,
  unauthorized: 401,
  refusedCallsCount: false,
}
