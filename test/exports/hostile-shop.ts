import { sql } from 'drizzle-orm'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { createDatabase, EVERYTHING, type TestDatabase, totalDiffers } from '../mismatches/support.ts'

/** What a spreadsheet may take for a formula, a parser for the end of a cell, or a person for something else. */
export const HOSTILE = [
  '=1+1',
  '=HYPERLINK("http://evil.example","click")',
  '+1',
  '-1',
  '-1.50',
  '@SUM(A1)',
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  ' =1+1',
  '  \t @x',
  "'=1+1",
  "''=1+1",
  "'plain",
  '＝1+1',
  '－1',
  '"=1+1"',
  'a","=1+1","',
  'a\n=1+1',
  'a\r\n=1+1',
  'a,b;c\td|e',
  "'; drop table helcim.card_transactions; --",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text.
  '${1+1} {{1+1}} %s \\x41 \\u0000 \\. \\N \\',
  '\\.',
  '\u202egnp.exe',
  '\u200f=1+1',
  '\u2028=1+1\u2029',
  '\ufeff=1+1',
  '\u0001\u0002\u001b[31m',
  'é 漢字 \u{1f4b8}',
  'NULL',
  'null',
  '0042',
  ' ',
]

export const HOSTILE_PERIOD = { from: toBusinessDate('2026-10-01'), to: toBusinessDate('2026-10-31') }

/** An account whose every text is hostile: of refunds from 1.50 on, a row of unknown type and status, and mismatches. */
export async function openHostileShop(): Promise<{ database: TestDatabase; accountId: number }> {
  const database = await createDatabase()
  const books = await database.openBooks('default')
  const { accountId } = books
  const columns = sql.raw(`account_id, transaction_id, created_at, created_at_text, created_on, status, outcome, type,
    amount_minor, currency, card_brand, card_number_masked, approval_code, customer_code, invoice_number, card_token, raw,
    content_hash, observed_at, first_seen_at`)
  for (const [index, text] of HOSTILE.entries()) {
    await database.db.execute(sql`
      insert into helcim.card_transactions (${columns})
      values (${accountId}, ${1000 + index}, '2026-10-05T18:00:00Z', '', '2026-10-05', 'APPROVED', 'approved', 'refund',
        ${150 + index}, 'CAD', ${text}, '424242******0042', ${text}, ${text}, ${text}, 'secret-token', '{}',
        '00000000-0000-0000-0000-000000000000', now(), now())`)
  }
  await database.db.execute(sql`
    insert into helcim.card_transactions (${columns})
    values (${accountId}, 2000, '2026-10-05T18:00:00Z', '', '2026-10-05', '=NEW()', 'unknown', '+new', 1, 'CAD', 'VI', null,
      null, null, null, null, '{}', '00000000-0000-0000-0000-000000000000', now(), now())`)
  await books.run(
    HOSTILE.map((text, index) =>
      totalDiffers(index, 9_000, {
        summary: text,
        expectedMinor: null,
        actualMinor: null,
        expectedText: text,
        actualText: '-7',
      }),
    ),
    { examined: EVERYTHING },
  )
  await books.run(
    [...HOSTILE.keys()].map((index) => totalDiffers(`m${index}`, -9_000)),
    { examined: [] },
  )
  return { database, accountId }
}
