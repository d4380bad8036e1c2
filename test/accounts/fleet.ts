import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readAccounts } from '../../src/accounts-file.ts'
import { beginWork } from '../../src/cli/accounts-watch.ts'
import { openRuntime, type Runtime } from '../../src/cli/runtime.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { Clock } from '../../src/domain/clock.ts'
import type { ScenarioOptions, Switches } from '../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { createTestLog } from '../queue/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

export interface Merchant {
  readonly name: string
  readonly scenario: ScenarioOptions
  readonly switches?: Partial<Switches>
  /** Two of one seed have the same customers, batches and ids; by default all differ. */
  readonly seed?: number
}

/** Several merchants, each with a Helcim of its own, and one daemon for all of them. */
export interface Fleet {
  readonly runtime: Runtime
  readonly config: Config
  readonly database: TestDatabase
  readonly log: ReturnType<typeof createTestLog>
  sandboxOf(name: string): Sandbox
  /** Writes the accounts file anew with these merchants; `tokens` replaces what is in a token file. */
  writeAccounts(names: readonly string[], tokens?: Readonly<Record<string, string>>): void
  /** Takes all accounts up and starts working. */
  start(): Promise<void>
  close(): Promise<void>
}

export async function openFleet(
  merchants: readonly Merchant[],
  {
    clock,
    clockText,
    historyDays,
    syncCron,
  }: { clock: Clock; clockText: string; historyDays: number; syncCron: string },
): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'tieout-fleet-'))
  const sandboxes = new Map<string, Sandbox>()
  for (const [index, { name, scenario, switches = {}, seed = 1 + index }] of merchants.entries()) {
    const tokens = [{ name, token: `token-of-${name}` }]
    sandboxes.set(name, await startSandbox({ clock, seed, scenario, switches, tokens }))
  }
  const sandboxOf = (name: string) => {
    const sandbox = sandboxes.get(name)
    if (!sandbox) throw new Error(`no merchant ${name}`)
    return sandbox
  }
  const path = join(folder, 'accounts.json')
  const writeAccounts: Fleet['writeAccounts'] = (names, tokens = {}) => {
    const accounts = names.map((name) => {
      writeFileSync(join(folder, name), tokens[name] ?? `token-of-${name}`)
      return { name, tokenFile: name, baseUrl: sandboxOf(name).url, historyDays, syncCron }
    })
    writeFileSync(path, JSON.stringify({ accounts }))
  }
  writeAccounts(merchants.map(({ name }) => name))
  const database = await createTestDatabase()
  const config = readConfig({
    TIEOUT_ACCOUNTS_FILE: path,
    HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
    DATABASE_URL: database.url,
    TIEOUT_CLOCK: clockText,
    HTTP_PORT: 'off',
  })
  const log = createTestLog()
  const runtime = await openRuntime(config, { log: log.log })
  return {
    runtime,
    config,
    database,
    log,
    sandboxOf,
    writeAccounts,
    async start() {
      for (const account of readAccounts(config)) await runtime.add(account)
      runtime.work({ onDead: () => {} })
      for (const work of runtime.accounts()) await beginWork(work, runtime.clock, log.log)
      runtime.sweep()
    },
    async close() {
      await runtime.close({ deadlineMs: 5_000 })
      for (const sandbox of sandboxes.values()) await sandbox.close()
      await database.drop()
      rmSync(folder, { recursive: true })
    },
  }
}
