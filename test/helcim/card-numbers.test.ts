import { describe, expect, it } from 'vitest'
import { maskCardNumberField, maskCardNumbers, toMaskedCardNumber } from '../../src/helcim/card-numbers.ts'

describe('a card number', () => {
  it.each([
    ['3852003237', '385200******3237'],
    ['385200******3237', '385200******3237'],
    ['385200XXXXXX3237', '385200******3237'],
    ['385200...3237', '385200******3237'],
    ['', null],
    ['3237', null],
    ['****3237', null],
    ['38520032371', null],
  ])('is kept in one form only: %s', (text, masked) => {
    expect(toMaskedCardNumber(text)).toBe(masked)
  })

  it.each(['4111111111111111', '4111 1111 1111 1111', '41111111111111112', '12345678901'])(
    'of more than ten digits in its own field is masked, valid or not: %s',
    (text) => {
      const masked = maskCardNumberField(text)
      expect(masked).toMatch(/^\d{6}\*{6}\d{4}$/)
      expect(toMaskedCardNumber(masked)).toBe(masked)
    },
  )

  it.each([
    '4111111111111111',
    '4222222222222',
    '5555555555554444',
    '2223003122003222',
    '378282246310005',
    '6011111111111117',
    '3530111333300000',
    '30569309025904',
    '38520000023237',
    '6200000000000005',
    '6759649826438453',
    '4000000000000000006',
  ])('of a known brand is masked in free text, alone, in words and in groups: %s', (number) => {
    const masked = `${number.slice(0, 6)}******${number.slice(-4)}`
    expect(maskCardNumbers(number)).toBe(masked)
    expect(maskCardNumbers(`paid with ${number}, thanks`)).toBe(`paid with ${masked}, thanks`)
    const groups = number.replace(/(\d{4})(?=\d)/g, '$1 ')
    expect(maskCardNumbers(`Jo ${groups} 12/29 and ${groups.replaceAll(' ', '-')}.`)).toBe(
      `Jo ${masked} 12/29 and ${masked}.`,
    )
  })

  it.each([' ', '-', '.', '\u00a0', '\u2009', '\t', '\u2013', '\u2014', '  ', '- ', '\r\n'])(
    'in groups is masked whatever parts them: %j',
    (separator) => {
      const groups = ['4111', '1111', '1111', '1111'].join(separator)
      expect(maskCardNumbers(`card ${groups}, thanks`)).toBe('card 411111******1111, thanks')
    },
  )

  it.each([
    '4111111111111112',
    '1234567890123456',
    '41111111111111111111',
    '9999999999999995',
    '2025-04-11 11:21:08',
    '+1 403 555 0199 2',
    'INV001125',
  ])('is not seen where there is none: %s', (text) => {
    expect(maskCardNumbers(text)).toBe(text)
  })

  it('is found among many, in time that grows with the text only', () => {
    const masked = maskCardNumbers('4111111111111111 '.repeat(20_000))
    expect(masked).toBe('411111******1111 '.repeat(20_000))
  })
})
