import type { BusinessDate } from '../../../domain/calendar.ts'
import { formatMinor } from '../../../domain/money.ts'
import { clearingOf, type JournalFormat } from '../format.ts'

const HEAD = `OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:UTF-8
CHARSET:NONE
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

`
const FINE = '<STATUS><CODE>0<SEVERITY>INFO</STATUS>'
const day = (date: BusinessDate) => date.replaceAll('-', '')
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
/** What OFX 1.02 has room for. */
const [ACCOUNT_LENGTH_MAX, NAME_LENGTH_MAX] = [22, 32]

/** OFX 1.02: the clearing account as a bank account, one file for a currency. */
export const ofx: JournalFormat = {
  name: 'ofx',
  ending: 'ofx',
  tells: 'statement',
  isPerCurrency: true,
  limit: {},
  nameOf: ({ name }) => name,
  head({ account, from, to, currency }) {
    const id = escaped(`${account.slice(0, ACCOUNT_LENGTH_MAX - 4)}-${currency}`)
    return `${HEAD}<OFX>
<SIGNONMSGSRSV1><SONRS>${FINE}<DTSERVER>${day(to)}<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>0${FINE}
<STMTRS><CURDEF>${currency}
<BANKACCTFROM><BANKID>HELCIM<ACCTID>${id}<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>${day(from)}<DTEND>${day(to)}
`
  },
  entry(entry) {
    const minor = clearingOf(entry)
    if (minor === 0n) return ''
    const { number, on, words, currency } = entry
    const amount = formatMinor(minor, currency)
    return `<STMTTRN><TRNTYPE>${minor < 0n ? 'DEBIT' : 'CREDIT'}<DTPOSTED>${day(on)}<TRNAMT>${amount}<FITID>${number}<NAME>${escaped(words.slice(0, NAME_LENGTH_MAX))}<MEMO>${escaped(`${number} ${words}`)}</STMTTRN>\n`
  },
  tail({ to, currency, closing }) {
    const balance = formatMinor(closing.get(`${currency} clearing`) ?? 0n, currency ?? '')
    return `</BANKTRANLIST>
<LEDGERBAL><BALAMT>${balance}<DTASOF>${day(to)}</LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
`
  },
}
