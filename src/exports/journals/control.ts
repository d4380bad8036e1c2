import { z } from 'zod'
import { day, decimal, entryId, sums, zone } from '../control.ts'
import { DETAILS } from './entry.ts'
import { JOURNAL_NAMES } from './format.ts'

/** What lies beside each journal file as `<file>.control.json`, so that it can be checked without us. */
export const journalControlSchema = z.strictObject({
  file: z.string().regex(/^[^/\\]+$/),
  journal: z.enum(JOURNAL_NAMES),
  version: z.int(),
  account: z.string(),
  zone,
  period: z.strictObject({ from: day, to: day }),
  /** The last reading or judgement that the file can show. */
  asOf: z.iso.datetime(),
  /** The last entry of the books that it can show: they are only added to, so that they can be had again as they were. */
  throughEntry: entryId,
  detail: z.enum(DETAILS),
  /** Null where one file holds all of them. */
  currency: z.string().nullable(),
  /** From 1: what goes beyond what the target takes comes in files of their own. */
  part: z.int().min(1),
  isLastPart: z.boolean(),
  entries: z.int().min(0),
  /** What the file calls its accounts: by these keys the same one is known in all formats. Statements have the one. */
  accounts: z.record(z.string(), z.string()),
  /** By currency and key, debit positive: what the entries of this file add up to, opening balances left out. */
  sums,
  /** By currency and key: what stood before the first day, and at the end of the last. */
  opening: sums,
  closing: sums,
  /** By currency: what moved in the clearing account in the whole period. The same in all formats and parts. */
  controlTotal: z.record(z.string(), decimal),
  /** How the books stood, to know what the report `clearing` can be held against; former versions do not say it. */
  books: z
    .strictObject({
      /** How their business days are cut; null where nothing was posted yet. */
      postedBy: z.strictObject({ zone, cutOff: z.string().regex(/^\d\d:\d\d$/) }).nullable(),
      /** How many changes of the mirror waited to be posted; null of an earlier time, as that is not kept. */
      waiting: z.int().min(0).nullable(),
      /** By currency: what belongs into the period or before, and moves clearing after it, as its month was closed. */
      datedLater: z.record(z.string(), decimal),
      /** Whether other roles are posted to the account of clearing. */
      isClearingShared: z.boolean(),
    })
    .optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Whether all that belongs to the period was read, and posted. */
  isComplete: z.boolean(),
  missing: z.array(z.string()),
  /** What it cannot tell although all was read that can be: beyond the token, or never told by Helcim. None unless it is there. */
  reservations: z.array(z.string()).optional(),
})

export type JournalControl = z.infer<typeof journalControlSchema>

/** Raised when a column goes or changes its meaning. */
export const JOURNAL_VERSION = 1
