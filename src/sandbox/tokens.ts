/** Levels as the dashboard offers them (API.md §1, token permissions), weakest first. */
const LEVELS = {
  general: ['none', 'read', 'write'],
  settings: ['none', 'read', 'write'],
  transactions: ['none', 'auth', 'positive', 'admin'],
} as const

export interface Permissions {
  readonly general: (typeof LEVELS)['general'][number]
  readonly settings: (typeof LEVELS)['settings'][number]
  readonly transactions: (typeof LEVELS)['transactions'][number]
}

/** The least that an endpoint asks for; areas that are left out do not matter. */
export type NeededPermissions = Partial<Permissions>

export const ALL_PERMISSIONS: Permissions = { general: 'write', settings: 'write', transactions: 'admin' }
export const READ_ONLY_PERMISSIONS: Permissions = { general: 'read', settings: 'read', transactions: 'none' }

export interface TokenOptions {
  readonly token: string
  /** For records of calls, which never hold the token. */
  readonly name: string
  readonly permissions?: Permissions
  /** Paths of endpoints (`/ach/batches`) that this token may not use, whatever its permissions. */
  readonly refused?: readonly string[]
}

export const DEFAULT_TOKENS: readonly TokenOptions[] = [{ token: 'sandbox-token', name: 'default' }]

export interface TokenHolder {
  readonly name: string
  readonly permissions: Permissions
  readonly refused: readonly string[]
}

export interface Tokens {
  /** undefined: missing, unknown or revoked. */
  find(token: string | undefined): TokenHolder | undefined
  /** Takes effect with the next call. */
  permit(name: string, permissions: Permissions): void
  /** Takes single endpoints away from a token, as from the next call; `[]` gives them back. */
  refuse(name: string, paths: readonly string[]): void
  /** From the next call on the token is unknown. */
  revoke(name: string): void
}

export function createTokens(options: readonly TokenOptions[]): Tokens {
  const holders = new Map<string, TokenHolder>()
  for (const { token, name, permissions = ALL_PERMISSIONS, refused = [] } of options) {
    holders.set(token, { name, permissions, refused })
  }
  const tokenOf = (name: string) => {
    for (const [token, holder] of holders) if (holder.name === name) return token
    throw new Error(`no token is named ${name}`)
  }
  const change = (name: string, changed: Partial<TokenHolder>) => {
    const token = tokenOf(name)
    const holder = holders.get(token)
    if (holder) holders.set(token, { ...holder, ...changed })
  }
  return {
    find: (token) => (token === undefined ? undefined : holders.get(token)),
    permit: (name, permissions) => change(name, { permissions }),
    refuse: (name, refused) => change(name, { refused }),
    revoke: (name) => holders.delete(tokenOf(name)),
  }
}

export function isPermitted(permissions: Permissions, needed: NeededPermissions): boolean {
  const reaches = <L extends string>(levels: readonly L[], has: L, needs: L | undefined) =>
    needs === undefined || levels.indexOf(has) >= levels.indexOf(needs)
  return (
    reaches(LEVELS.general, permissions.general, needed.general) &&
    reaches(LEVELS.settings, permissions.settings, needed.settings) &&
    reaches(LEVELS.transactions, permissions.transactions, needed.transactions)
  )
}
