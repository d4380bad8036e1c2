import { createInterface } from 'node:readline/promises'
import { type AccountSettings, readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import { UsageError } from '../domain/operating-error.ts'
import type { AccountOption } from './account-option.ts'

export interface SettleOptions extends AccountOption {
  readonly plan?: boolean
  readonly history?: boolean
  readonly batch?: string
  readonly achBatch?: string
  readonly abandon?: string
  readonly yes?: boolean
  readonly by?: string
  readonly json?: boolean
}

/** @throws UsageError when nobody can be asked, or the person says no */
export async function confirm({ yes }: SettleOptions, question: string): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError('--yes: nobody can be asked here; say it if you mean it')
  }
  const dialogue = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = await dialogue.question(`  ${question} It cannot be undone. Type "yes": `)
    if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('nothing was done', { exitCode: 1 })
  } finally {
    dialogue.close()
  }
}

export function settingsOf(config: Config, name: string): AccountSettings {
  const settings = readAccounts(config).find((one) => one.name === name)
  if (settings) return settings
  throw new UsageError(`--account: the settings name no account "${name}"`)
}
