/**
 * The one form in which we keep a card number: `385200******3237`, first six and last four.
 * Helcim sends these ten digits run together, as text or as a number (API.md §5).
 * @returns null when the text does not hold exactly those ten digits
 */
export function toMaskedCardNumber(text: string): string | null {
  const match = /^(\d{6})(?:\D*)(\d{4})$/.exec(text.trim())
  return match ? `${match[1]}******${match[2]}` : null
}

/**
 * Masks what claims to be a card number: of more than ten digits only the first six and the last four remain, whether
 * or not they pass for a real number. Shorter ones are left as they came.
 */
export function maskCardNumberField(text: string): string {
  const digits = text.replace(/\D/g, '')
  return digits.length > 10 ? maskDigits(digits) : text
}

/**
 * Masks every full card number in free text: 13 to 19 digits, in groups or not, with a known prefix and a valid check
 * digit. Groups are parted by blanks or dashes of any kind, dots, or two of these. Other long numbers stay: invoice, order and phone numbers are none of our business.
 * @returns the very same text where there is nothing to mask
 */
export function maskCardNumbers(text: string): string {
  if (text.length < DIGIT_COUNT_MIN || !MAYBE_CARD_NUMBER.test(text)) return text
  return text.replace(DIGIT_GROUPS, maskGroups)
}

const MAYBE_CARD_NUMBER = /\d(?:[\s\p{Pd}.]{0,2}\d){12}/u
const DIGIT_GROUPS = /\d+(?:[\s\p{Pd}.]{1,2}\d+)*/gu
const DIGIT_COUNT_MIN = 13
const DIGIT_COUNT_MAX = 19

/** Prefixes of the brands that Helcim names (API.md §5 `cardType`), with the lengths they issue. */
const KNOWN_PREFIX =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d+|3[47]\d{13}|(?:6011|64[4-9]|65|62|81)\d+|35(?:2[89]|[3-8]\d)\d+|3(?:0[0-5]|[689])\d+|(?:50|5[6-8]|63|67)\d+)$/

interface DigitGroup {
  readonly from: number
  readonly to: number
  readonly digits: string
}

/** A number may stand among other groups of digits (`card 4111 1111 1111 1111 12/29`): every run of groups is tried. */
function maskGroups(run: string): string {
  const groups = [...run.matchAll(/\d+/g)].map((match): DigitGroup => {
    return { from: match.index, to: match.index + match[0].length, digits: match[0] }
  })
  let masked = ''
  let copiedTo = 0
  for (let index = 0; index < groups.length; ) {
    const found = cardNumberAt(groups, index)
    if (found) {
      masked += run.slice(copiedTo, found.from) + maskDigits(found.digits)
      copiedTo = found.to
    }
    index += found?.groupCount ?? 1
  }
  return masked + run.slice(copiedTo)
}

/** The longest card number that begins with the group at `index`. */
function cardNumberAt(groups: readonly DigitGroup[], index: number): (DigitGroup & { groupCount: number }) | undefined {
  let found: (DigitGroup & { groupCount: number }) | undefined
  let digits = ''
  for (let end = index; end < groups.length && digits.length <= DIGIT_COUNT_MAX; end++) {
    const [first, last] = [groups[index], groups[end]]
    if (!first || !last) break
    digits += last.digits
    if (isCardNumber(digits)) found = { from: first.from, to: last.to, digits, groupCount: end - index + 1 }
  }
  return found
}

const isCardNumber = (digits: string): boolean =>
  digits.length >= DIGIT_COUNT_MIN &&
  digits.length <= DIGIT_COUNT_MAX &&
  KNOWN_PREFIX.test(digits) &&
  hasCheckDigit(digits)

/** Luhn: from the right every second digit is doubled, and the sum of all digits is a multiple of ten. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

const maskDigits = (digits: string): string => `${digits.slice(0, 6)}******${digits.slice(-4)}`
