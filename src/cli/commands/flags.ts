/** How a command asks for the one account it concerns. */
export const ACCOUNT_FLAG = ['--account <name>', 'the account; needed where the database holds several'] as const

/** How a command asks for the state of an earlier time. */
export const AS_OF_FLAG = ['--as-of <instant>', 'as it was known then, like 2026-10-31T17:00:00Z'] as const
