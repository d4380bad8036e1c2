import type { InvoiceFacts } from './sides.ts'

/**
 * What the parts of an invoice come to, or null when nothing tells that it is another sum than its amount.
 *
 * lines + tax + shipping + tip + fees − discount. Whether a deposit and the taxes and discounts of lines are within these
 * is not documented, nor how a line of a broken quantity is rounded: an amount that any reading explains is right.
 * @returns the sum by the plainest reading, minor units
 */
export function differingTotal(invoice: InvoiceFacts): bigint | null {
  const { lines, amountMinor } = invoice
  if (lines === null || lines.length === 0) return null
  const products = lines.map(({ quantity, unitPrice }) => productOf(quantity, unitPrice))
  const floor = sum(products.map((product) => product?.floor ?? 0n))
  const ceil = sum(products.map((product) => product?.ceil ?? 0n))
  const nearest = sum(products.map((product) => product?.nearest ?? 0n))
  const lineTax = sum(lines.map(({ taxMinor }) => taxMinor ?? 0n))
  const lineDiscount = sum(lines.map(({ discountMinor }) => discountMinor ?? 0n))
  const told = [invoice.taxMinor, invoice.shippingMinor, invoice.tipMinor, invoice.discountMinor]
  const fees = [invoice.convenienceFeeMinor, invoice.surchargingFeeMinor]
  const [tax, shipping, tip, discount] = told.map((minor) => minor ?? 0n)
  const rest = (tax ?? 0n) + (shipping ?? 0n) + (tip ?? 0n) - (discount ?? 0n) + sum(fees.map((minor) => minor ?? 0n))
  const deposit = invoice.depositMinor ?? 0n
  for (const ofTax of [lineTax, 0n]) {
    for (const ofDiscount of [lineDiscount, 0n]) {
      for (const ofDeposit of [deposit, 0n]) {
        const other = rest + ofTax - ofDiscount + ofDeposit
        if (amountMinor - other >= floor && amountMinor - other <= ceil) return null
      }
    }
  }
  // A part that is not told may be what is missing.
  if ([...told, ...fees].includes(null) || products.includes(null)) return null
  return nearest + rest + lineTax - lineDiscount + deposit
}

const DIGITS = 2

/** Quantity times price in minor units, both decimal texts of any fineness; null where one is missing or no decimal. */
function productOf(
  quantity: string | null,
  unitPrice: string | null,
): { floor: bigint; ceil: bigint; nearest: bigint } | null {
  const left = scaled(quantity)
  const right = scaled(unitPrice)
  if (!left || !right) return null
  const value = left.units * right.units * 10n ** BigInt(DIGITS)
  const scale = 10n ** BigInt(left.digits + right.digits)
  const rounded = (added: bigint) => floorOf(value + added, scale)
  return { floor: rounded(0n), ceil: rounded(scale - 1n), nearest: rounded(scale / 2n) }
}

function scaled(text: string | null): { units: bigint; digits: number } | null {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d{1,12}))?$/.exec(text ?? '') ?? []
  return whole === '' ? null : { units: BigInt(`${sign}${whole}${fraction}`), digits: fraction.length }
}

const floorOf = (value: bigint, scale: bigint): bigint =>
  value >= 0n || value % scale === 0n ? value / scale : value / scale - 1n

const sum = (minors: readonly bigint[]): bigint => minors.reduce((total, minor) => total + minor, 0n)
