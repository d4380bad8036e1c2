import type { Tx } from '../db/client.ts'
import {
  listChangedTransactions,
  listOtherUnknownValues,
  listOtherVanished,
  listUndecodedRecords,
  listUnknownValues,
  listVanished,
  type TransactionFault,
} from '../db/record-faults.ts'
import { type Finding, type MismatchCode, moneyFinding, textFinding } from '../domain/mismatch.ts'
import { moneyText } from '../domain/money.ts'

export const RECORD_CODES = [
  'record_undecodable',
  'value_unknown',
  'record_disappeared',
  'record_changed',
] as const satisfies readonly MismatchCode[]

/** Family A, record by record. Every query reads a partial index that holds only faults, so cost follows their number. */
export async function findRecordFaults(tx: Tx, accountId: number): Promise<Finding[]> {
  return [
    ...(await findUndecodable(tx, accountId)),
    ...(await findUnknownValues(tx, accountId)),
    ...(await findVanished(tx, accountId)),
    ...(await findChanged(tx, accountId)),
    ...(await findOtherUnknownValues(tx, accountId)),
    ...(await findOtherVanished(tx, accountId)),
  ]
}

async function findUndecodable(tx: Tx, accountId: number): Promise<Finding[]> {
  const records = await listUndecodedRecords(tx, accountId)
  return records.map(({ resource, recordId, count, reason }) => {
    const name =
      recordId === null
        ? `${count} × ${nameOf(resource).toLowerCase()} without an id`
        : `${nameOf(resource)} ${recordId}`
    const subject = recordId === null ? { kind: 'resource', id: resource } : { kind: resource, id: recordId }
    return textFinding({
      code: 'record_undecodable',
      severity: 'high',
      subject,
      expectedText: 'a readable record',
      actualText: reason,
      summary: `${name} could not be read: ${reason}. It is kept as received and counts nowhere.`,
      advice: 'Look the record up in Helcim’s dashboard; if it is right there, update tieout or report the payload.',
      evidence: [`${subject.kind}:${subject.id}`],
    })
  })
}

async function findUnknownValues(tx: Tx, accountId: number): Promise<Finding[]> {
  const faults = await listUnknownValues(tx, accountId)
  return faults.map((fault) => {
    const values = fault.unknownValues.map(({ field, value }) => `${field} "${value}"`).join(', ')
    return textFinding({
      code: 'value_unknown',
      severity: 'medium',
      subject: { kind: 'card_transaction', id: String(fault.transactionId) },
      expectedText: 'known values',
      actualText: values,
      summary: `${describe(fault)} has the unknown ${values}; it is kept, but not counted as money.`,
      advice: 'Find out what the value means (Helcim’s changelog), then update tieout so that it is counted rightly.',
      evidence: [`card_transaction:${fault.transactionId}`],
    })
  })
}

async function findVanished(tx: Tx, accountId: number): Promise<Finding[]> {
  const faults = await listVanished(tx, accountId)
  return faults.map((fault) =>
    moneyFinding({
      code: 'record_disappeared',
      severity: 'high',
      subject: { kind: 'card_transaction', id: String(fault.transactionId) },
      currency: fault.currency,
      expectedMinor: fault.amountMinor,
      actualMinor: 0n,
      summary: `${describe(fault)} was returned before; a complete reading of its day no longer holds it.`,
      advice:
        'It is kept here and no longer counted. Ask Helcim why the transaction is gone before you correct the books.',
      evidence: [`card_transaction:${fault.transactionId}`],
    }),
  )
}

async function findChanged(tx: Tx, accountId: number): Promise<Finding[]> {
  const faults = await listChangedTransactions(tx, accountId)
  return faults.map((fault) => {
    const fields = Object.keys(fault.before)
    const sides = (side: Readonly<Record<string, string | null>>) =>
      fields
        .map((field) => `${FIELD_NAMES[field] ?? field} ${valueText(field, side[field] ?? null, fault.currency)}`)
        .join(', ')
    const amount =
      'amount_minor' in fault.before ? { expected: fault.before.amount_minor, actual: fault.after.amount_minor } : null
    return {
      code: 'record_changed' as const,
      severity: 'high' as const,
      subject: { kind: 'card_transaction', id: String(fault.transactionId) },
      period: '',
      currency: amount ? fault.currency : null,
      expectedMinor: amount?.expected ? BigInt(amount.expected) : null,
      actualMinor: amount?.actual ? BigInt(amount.actual) : null,
      expectedText: amount ? null : sides(fault.before),
      actualText: amount ? null : sides(fault.after),
      summary: `${describe(fault)} changed after it was first read: ${sides(fault.before)} before, ${sides(fault.after)} now.`,
      advice:
        'Helcim’s records are not supposed to change: check the transaction in its dashboard and what was booked.',
      evidence: [`card_transaction:${fault.transactionId}`],
    }
  })
}

async function findOtherUnknownValues(tx: Tx, accountId: number): Promise<Finding[]> {
  const faults = await listOtherUnknownValues(tx, accountId)
  return faults.map(({ resource, id, unknownValues }) => {
    const values = unknownValues.map(({ field, value }) => `${field} "${value}"`).join(', ')
    return textFinding({
      code: 'value_unknown',
      severity: 'medium',
      subject: { kind: resource, id: String(id) },
      expectedText: 'known values',
      actualText: values,
      summary: `${nameOf(resource)} ${id} has the unknown ${values}; it is kept as it came.`,
      advice: 'Find out what the value means (Helcim’s changelog), then update tieout so that it is read rightly.',
      evidence: [`${resource}:${id}`],
    })
  })
}

/** Money of its own, which nobody deletes in the course of things. */
const MONEY_RESOURCES = ['invoice', 'ach_transaction', 'ach_batch', 'card_batch']

async function findOtherVanished(tx: Tx, accountId: number): Promise<Finding[]> {
  const faults = await listOtherVanished(tx, accountId)
  return faults.map(({ resource, id }) =>
    textFinding({
      code: 'record_disappeared',
      severity: MONEY_RESOURCES.includes(resource) ? 'high' : 'low',
      subject: { kind: resource, id: String(id) },
      expectedText: 'returned as before',
      actualText: 'not returned',
      summary: `${nameOf(resource)} ${id} was returned before; a complete reading no longer holds it.`,
      advice: 'It is kept here. If nobody deleted it in Helcim, ask Helcim why it is gone.',
      evidence: [`${resource}:${id}`],
    }),
  )
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  amount_minor: 'amount',
  card_batch_id: 'batch',
  outcome: 'status',
}

const valueText = (field: string, value: string | null, currency: string): string =>
  field === 'amount_minor' && value !== null ? moneyText(BigInt(value), currency) : (value ?? 'none')

const describe = ({ transactionId, amountMinor, currency, createdAtText }: TransactionFault): string =>
  `Card transaction ${transactionId} (${moneyText(amountMinor, currency)}, ${createdAtText})`

const nameOf = (resource: string): string => {
  const words = resource.replaceAll('_', ' ')
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`.replace(/^Ach /, 'ACH ')
}
