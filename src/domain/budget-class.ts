/**
 * Who may use how much of Helcim's limits, most urgent first. A less urgent class leaves the difference free for those
 * above it, so that a settlement never waits behind a backfill.
 */
export const CALL_CLASSES = ['settle', 'fresh', 'detail', 'backfill'] as const
export type CallClass = (typeof CALL_CLASSES)[number]
