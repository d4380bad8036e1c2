import type { BatchKind } from './batch-key.ts'
import type { HelcimId } from './record.ts'
import type { SettlementPolicy } from './settlement-policy.ts'

/** Cut-offs that some batches of an account have in common. */
export interface CutOffs {
  /** Kind of due work: `settle` for the account's, `settle-ach` or `settle-<terminal>` for those with a cron of their own. */
  readonly kind: string
  /** Five fields, in the account's zone. */
  readonly cron: string
  readonly batchKinds: readonly BatchKind[]
}

/** The kind of due work of the account's own cut-offs. */
export const SETTLE_KIND = 'settle'
const ACH_KIND = 'settle-ach'
const terminalKind = (terminalId: HelcimId): string => `settle-${terminalId}`

/** Whether due work of this kind is a cut-off. */
export const isSettleKind = (kind: string): boolean => kind === SETTLE_KIND || kind.startsWith('settle-')

/** Every schedule by which something is settled; none where settling is off. */
export function cutOffsOf({ mode, cron, kinds, byTerminal, ach }: SettlementPolicy): readonly CutOffs[] {
  if (mode === 'off') return []
  const terminals = [...byTerminal].map(([terminalId, terms]) => ({
    kind: terminalKind(terminalId),
    cron: terms.cron ?? null,
    batchKinds: ['card_batch'] as const,
  }))
  const all = [
    { kind: SETTLE_KIND, cron, batchKinds: kinds.filter((kind) => kind !== 'ach_batch' || ach.cron === undefined) },
    { kind: ACH_KIND, cron: ach.cron ?? null, batchKinds: ['ach_batch'] as const },
    ...terminals,
  ]
  return all.flatMap(({ kind, cron, batchKinds }) => {
    const wanted = batchKinds.filter((one) => kinds.includes(one))
    return cron === null || wanted.length === 0 ? [] : [{ kind, cron, batchKinds: wanted }]
  })
}

/** By which cut-offs a batch is settled, whether there are any or not. */
export function cutOffKindOf(
  { byTerminal, ach }: SettlementPolicy,
  { kind, terminalId }: { readonly kind: BatchKind; readonly terminalId: HelcimId | null },
): string {
  if (kind === 'ach_batch') return ach.cron === undefined ? SETTLE_KIND : ACH_KIND
  const own = terminalId === null ? undefined : byTerminal.get(terminalId)?.cron
  return terminalId === null || own === undefined ? SETTLE_KIND : terminalKind(terminalId)
}
