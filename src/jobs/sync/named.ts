import type { PullWindow } from '../../domain/pull.ts'

/**
 * Whether a record may be among those asked for by a code. Some servers take a code for the beginning of one, and case
 * does not count (API.md §4): what else they return are good records of others.
 */
export const isNamed = (code: string, window: PullWindow): boolean =>
  window.kind !== 'code' || code.toUpperCase().startsWith(window.code.toUpperCase())

/** Whether a record is the one that was asked for by its code. */
export const isSameCode = (code: unknown, { code: asked }: Extract<PullWindow, { kind: 'code' }>): boolean =>
  String(code).toUpperCase() === asked.toUpperCase()
