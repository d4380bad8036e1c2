import { batchName } from '../domain/batch-key.ts'
import { printable } from '../domain/printable.ts'
import type { DigestBody, DigestItem, SettlementItem } from './digest-message.ts'
import { type AlertBody, type AlertBodyItem, sumsText } from './message.ts'

/** What a stored message holds. */
export type MessageBody = AlertBody | DigestBody

/** A message as a person reads it, before a channel gives it its form. Plain text, no line of which is broken. */
export interface Letter {
  readonly title: string
  readonly text: string
  readonly sections: readonly { readonly title: string | null; readonly lines: readonly string[] }[]
}

/** What people read of the items of one message; the rest is counted. */
const ITEMS_SHOWN = 10

export function letterOf(body: MessageBody): Letter {
  const letter = body.type === 'digest.daily' ? digestLetter(body) : alertLetter(body)
  return {
    title: printable(letter.title),
    text: printable(letter.text),
    sections: letter.sections
      .filter(({ lines }) => lines.length > 0)
      .map(({ title, lines }) => ({ title, lines: lines.map(printable) })),
  }
}

function alertLetter({ data }: AlertBody): Letter {
  const { account, title, text, items, count } = data
  const shown = items.slice(0, ITEMS_SHOWN)
  const countMore = count - shown.length
  return {
    title: `${account}: ${title}`,
    text,
    sections: [
      {
        title: null,
        lines: [...shown.flatMap(itemLines), ...(countMore === 0 ? [] : [`… and ${countMore} more`])],
      },
    ],
  }
}

/** The money first, then which it is, and what it is about. */
const itemLines = (item: AlertBodyItem | DigestItem): string[] => [
  [
    item.difference === null ? null : `${item.difference} ${item.currency ?? ''}`,
    `${item.subject.kind} ${item.subject.id}`,
    ...('code' in item && !('at' in item) ? [`${item.code} (${item.severity})`] : []),
    item.dueOn === null ? null : `due ${item.dueOn}`,
    item.owner,
    item.id.slice(0, 8),
  ]
    .filter((part) => part !== null)
    .join(' · '),
  `    ${item.summary}`,
]

function digestLetter({ data }: DigestBody): Letter {
  const { account, title, text, open, worst, settlements, problems, deadChannels } = data
  const { settled, refused, held, wouldSettle } = settlements
  const { countSettled, countRefused, countHeld, countWouldSettle } = settlements
  return {
    title: `${account}: ${title}`,
    text,
    sections: [
      {
        title: 'Open',
        lines: open.map(
          ({ severity, count, countOverdue, atStake }) =>
            `${severity}: ${count}${atStake.length === 0 ? '' : `, ${sumsText(atStake)} at stake`}` +
            `${countOverdue === 0 ? '' : `, ${countOverdue} overdue`}`,
        ),
      },
      { title: 'The worst', lines: worst.flatMap(itemLines) },
      { title: `Settled: ${countSettled}`, lines: settlementLines(settled, countSettled) },
      { title: `Not settled: ${countRefused}`, lines: settlementLines(refused, countRefused) },
      { title: `Held: ${countHeld}`, lines: settlementLines(held, countHeld) },
      {
        title: `A dry run would have settled: ${countWouldSettle}`,
        lines: settlementLines(wouldSettle, countWouldSettle),
      },
      { title: 'Not read completely', lines: problems },
      { title: 'Not told', lines: deadChannels },
    ],
  }
}

/** Of a list that a digest cuts short the rest is counted. */
const settlementLines = (items: readonly SettlementItem[], count: number): string[] => [
  ...items.map(settlementLine),
  ...(count > items.length ? [`… and ${count - items.length} more`] : []),
]

const settlementLine = ({ batch: { kind, id }, terminalId, net, currency, words }: SettlementItem): string =>
  [
    net === null ? null : `${net} ${currency ?? ''}`,
    `${batchName({ kind, id: BigInt(id) })}${terminalId === null ? '' : ` (terminal ${terminalId})`}`,
    words,
  ]
    .filter((part) => part !== null && part !== '')
    .join(' · ')

/** The whole letter as lines of text. */
export const textOfLetter = ({ text, sections }: Letter): string =>
  [text, ...sections.map(({ title, lines }) => [...(title === null ? [] : [title]), ...lines].join('\n'))].join('\n\n')
