import { z } from 'zod'
import { type BusinessDate, isTimeZone, toBusinessDate } from '../domain/calendar.ts'
import { EXPORT_FORMATS } from './formats.ts'
import { REPORT_NAMES } from './report.ts'

export const decimal = z.string().regex(/^-?\d+(\.\d+)?$/)
export const day = z.string().transform((text, context): BusinessDate => {
  try {
    return toBusinessDate(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'is no date' })
    return z.NEVER
  }
})
/** Amounts of one currency by the name of their column; a column without any amount is not there. */
export const sums = z.record(z.string(), z.record(z.string(), decimal))

export const zone = z.string().refine(isTimeZone)

/** An entry of the books. */
export const entryId = z.string().regex(/^\d{1,19}$/)

const movements = z.strictObject({ rows: z.record(z.string(), z.int()), sums })

/** What lies beside each exported file as `<file>.control.json`, so that the file can be checked without us. */
export const controlSchema = z.strictObject({
  file: z.string().regex(/^[^/\\]+$/),
  report: z.enum(REPORT_NAMES),
  format: z.enum(EXPORT_FORMATS),
  version: z.int(),
  account: z.string(),
  /** In which the period's days and all local times are meant. */
  zone,
  period: z.strictObject({ from: day, to: day }),
  /** The last reading or judgement that the file can show; what came later is not in it. */
  asOf: z.iso.datetime(),
  rows: z.int().min(0),
  sums,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Whether all that belongs to the period was read, and every amount has its sign. */
  isComplete: z.boolean(),
  /** Why it is not: sentences. */
  missing: z.array(z.string()),
  /** Rows of the period that had been settled before it began, as they came after their batch had closed. */
  settledBefore: movements.optional(),
  /** Rows made after the period that had been settled by its end, as they came after their batch had closed. */
  settledAhead: movements.optional(),
  /** Of the report `clearing`: how far the books had come, to know which journals are of the same state. */
  throughEntry: entryId.optional(),
})

export type Control = z.infer<typeof controlSchema>

export const CONTROL_ENDING = '.control.json'
