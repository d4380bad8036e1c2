/**
 * How a price per billing period becomes one per month: times the first, divided by the second. A year has 12 months,
 * 52 weeks and 365 days (EXPORTS.md).
 */
export const MONTHLY_FACTORS: ReadonlyMap<string, readonly [numerator: bigint, denominator: bigint]> = new Map([
  ['daily', [365n, 12n]],
  ['weekly', [52n, 12n]],
  ['monthly', [1n, 1n]],
  ['yearly', [1n, 12n]],
])

/**
 * What a subscription is worth in a month, in minor units. Rounded once, here, half of a minor unit up; whatever adds
 * these up is exact.
 * @param amountMinor every so many (`increments`) billing periods; not negative
 * @returns null for a billing period that we do not know
 */
export function monthlyMinor(amountMinor: bigint, billingPeriod: string, increments: number): bigint | null {
  const factor = MONTHLY_FACTORS.get(billingPeriod)
  if (factor === undefined) return null
  const [numerator, denominator] = factor
  const divisor = denominator * BigInt(Math.max(1, increments))
  return (2n * amountMinor * numerator + divisor) / (2n * divisor)
}

/** The same as an expression of Postgres over expressions of the three. */
export function monthlyMinorSql(amountMinor: string, billingPeriod: string, increments: string): string {
  const cases = [...MONTHLY_FACTORS].map(([period, [numerator, denominator]]) => {
    const divisor = `(${denominator} * greatest(1, ${increments})::bigint)`
    return `when '${period}' then (2 * ${amountMinor} * ${numerator} + ${divisor}) / (2 * ${divisor})`
  })
  return `case ${billingPeriod} ${cases.join(' ')} end`
}
