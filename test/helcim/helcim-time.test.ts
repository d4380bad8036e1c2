import { describe, expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { helcimDate, parseHelcimTime } from '../../src/domain/helcim-time.ts'

const iso = (text: string): string | null | undefined => {
  const time = parseHelcimTime(text)
  return time && (time.instant === null ? null : new Date(time.instant).toISOString())
}

describe('a timestamp of Helcim', () => {
  it.each([
    ['2025-04-11 11:21:10', '2025-04-11T17:21:10.000Z'],
    ['2024-12-05 04:35:29', '2024-12-05T11:35:29.000Z'],
    ['2024-02-29 23:59:59', '2024-03-01T06:59:59.000Z'],
    ['2025-03-09 01:59:59', '2025-03-09T08:59:59.000Z'],
    ['2025-03-09 03:00:00', '2025-03-09T09:00:00.000Z'],
    ['2025-11-02 00:59:59', '2025-11-02T06:59:59.000Z'],
    ['2025-11-02 02:00:00', '2025-11-02T09:00:00.000Z'],
  ])('is Mountain Time in summer and in winter: %s', (text, instant) => {
    expect(iso(text)).toBe(instant)
    expect(parseHelcimTime(text)?.text).toBe(text)
  })

  it('in the hour that comes twice is its first occurrence', () => {
    expect(iso('2025-11-02 01:30:00')).toBe('2025-11-02T07:30:00.000Z')
  })

  it('in the hour that is skipped is what a clock that was not put forward means', () => {
    expect(iso('2025-03-09 02:30:00')).toBe('2025-03-09T09:30:00.000Z')
  })

  it.each([null, undefined, '', '0000-00-00 00:00:00', '0000-00-00', '2025-04-11'])('may say "none": %s', (text) => {
    expect(parseHelcimTime(text)).toEqual({ text: text ?? '', instant: null })
  })

  it.each([
    'yesterday',
    '2025-04-11T11:21:10',
    '2025-02-29 10:00:00',
    '2025-13-01 10:00:00',
    '2025-00-01 10:00:00',
    '2025-04-11 24:00:00',
    '2025-04-11 11:60:00',
    '2025-04-11 11:21',
    ' 2025-04-11 11:21:10',
    '0000-01-00 00:00:00',
  ])('that is none of the calendar is told apart from "none": %s', (text) => {
    expect(parseHelcimTime(text)).toBeUndefined()
  })

  it('gives the same instant from a cold and a warm cache, for every quarter hour around both clock changes', () => {
    for (const zone of ['America/Edmonton', 'Australia/Lord_Howe', 'Africa/Casablanca', '-07:00']) {
      for (const day of ['2025-03-09', '2025-11-02', '2025-04-06', '2025-10-05', '2025-02-23']) {
        const texts = Array.from({ length: 96 }, (_, index) => {
          const hour = String(Math.floor(index / 4)).padStart(2, '0')
          return `${day} ${hour}:${String((index % 4) * 15).padStart(2, '0')}:00`
        })
        const cold = texts.map((text) => parseHelcimTime(text, zone))
        const warm = texts.toReversed().map((text) => parseHelcimTime(text, zone))
        expect(warm.toReversed()).toEqual(cold)
        const instants = cold.map((time) => time?.instant ?? Number.NaN)
        expect(
          instants.every((instant, index) => index === 0 || Math.abs(instant - (instants[index - 1] ?? 0)) <= 9e6),
        ).toBe(true)
      }
    }
  })

  it('keeps its half-hour change apart from its neighbours (Lord Howe, 2025-04-06 01:30–02:00 comes twice)', () => {
    const at = (text: string) => new Date(parseHelcimTime(text, 'Australia/Lord_Howe')?.instant ?? 0).toISOString()
    expect(at('2025-04-06 01:45:00')).toBe('2025-04-05T14:45:00.000Z')
    expect(at('2025-04-06 02:15:00')).toBe('2025-04-05T15:45:00.000Z')
  })
})

it('the date that Helcim filters by is the Mountain one', () => {
  expect(helcimDate(toInstant(Date.parse('2025-04-12T05:59:59Z')))).toBe('2025-04-11')
  expect(helcimDate(toInstant(Date.parse('2025-04-12T06:00:00Z')))).toBe('2025-04-12')
})
