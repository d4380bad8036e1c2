import type { HelcimTime } from '../../domain/record.ts'
import type { MirrorColumn } from './mirror-table.ts'

export const isoOf = (time: HelcimTime): string | null =>
  time.instant === null ? null : new Date(time.instant).toISOString()

/** Both forms of a time: the instant that we understood, and the text as received. */
export const timeColumns = <R>(name: string, of: (record: R) => HelcimTime): MirrorColumn<R>[] => [
  { name: `${name}_at`, type: 'timestamptz', of: (record) => isoOf(of(record)) },
  { name: `${name}_at_text`, type: 'text', of: (record) => of(record).text },
]

/** Helcim's own (Mountain) date of a time. */
export const dayOf = (time: HelcimTime): string | null => (time.instant === null ? null : time.text.slice(0, 10))
