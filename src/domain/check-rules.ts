import { type Finding, isAtLeast, type MismatchCode, type Severity } from './mismatch.ts'

/** A difference up to the greater of both is none. */
export interface Tolerance {
  readonly amountMinor: bigint
  /** Of the expected amount, in parts per million. */
  readonly sharePpm: bigint
}

/** What a merchant wants otherwise with one code. */
export interface CodeRule {
  /** In place of the code's own; null: as it is. */
  readonly severity: Severity | null
  /** From such a difference on it is at least so bad. */
  readonly raise: readonly { readonly fromMinor: bigint; readonly severity: Severity }[]
  readonly tolerance: Tolerance | null
}

export type CodeRules = ReadonlyMap<MismatchCode, CodeRule>

export const isTolerated = (expectedMinor: bigint, actualMinor: bigint, tolerance: Tolerance | null): boolean => {
  if (tolerance === null) return false
  const difference = magnitude(actualMinor - expectedMinor)
  return difference <= tolerance.amountMinor || difference * 1_000_000n <= magnitude(expectedMinor) * tolerance.sharePpm
}

/** Drops findings whose difference is tolerated, and gives the others the severity that the rules want. */
export function weighFindings(findings: readonly Finding[], rules: CodeRules): Finding[] {
  if (rules.size === 0) return [...findings]
  return findings.flatMap((finding) => {
    const rule = rules.get(finding.code)
    if (!rule) return [finding]
    const { expectedMinor, actualMinor } = finding
    const hasBoth = expectedMinor !== null && actualMinor !== null
    if (hasBoth && isTolerated(expectedMinor, actualMinor, rule.tolerance)) return []
    const difference = magnitude((actualMinor ?? 0n) - (expectedMinor ?? 0n))
    let severity = rule.severity ?? finding.severity
    for (const { fromMinor, severity: raised } of rule.raise) {
      if (difference >= fromMinor && !isAtLeast(severity, raised)) severity = raised
    }
    return [{ ...finding, severity }]
  })
}

const magnitude = (minor: bigint): bigint => (minor < 0n ? -minor : minor)
