import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

/** Packages of Debian are for its own Python, which need not be the first on the PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** Programs that others wrote and that read what we export. Debian: `hledger beancount python3-ofxparse`. */
const JUDGES = {
  hledger: ['hledger', ['--version']],
  'bean-check': ['bean-check', ['--version']],
  ofxparse: [PYTHON, ['-c', 'import ofxparse']],
} as const

const missing = Object.entries(JUDGES).flatMap(([name, [command, args]]) => {
  try {
    execFileSync(command, [...args], { stdio: 'ignore' })
    return []
  } catch {
    return [name]
  }
})

/** Says once what is not there; with `CI=true` that is an error, so that no run passes for having judged nothing. */
export const hasJudges = (() => {
  if (missing.length === 0) return true
  const line = `${missing.join(', ')} not found (Debian: apt-get install hledger beancount python3-ofxparse)`
  if (process.env.CI === 'true') throw new Error(line)
  console.log(`Tests of journals by outside programs are skipped: ${line}.`)
  return false
})()

const run = promisify(execFile)

/** What it says, or `refused` and what it says against the file. */
async function said(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(command, [...args], { maxBuffer: 1 << 26 })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return `refused: ${stdout}${stderr}`
  }
}

export const checkHledger = (path: string) => said('hledger', ['-f', path, 'check', '--strict', 'ordereddates'])
export const checkBeancount = (path: string) => said('bean-check', [path])

/** `CAD Assets:Helcim:Clearing` → cents, as the program adds it up. */
export type Balances = Record<string, bigint>

const cents = (text: string): bigint => BigInt(text.replace(',', '').replace('.', ''))

export async function balancesByHledger(path: string): Promise<Balances> {
  const csv = await said('hledger', ['-f', path, 'balance', '--flat', '-N', '--layout=bare', '-O', 'csv'])
  return Object.fromEntries(
    csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.slice(1, -1).split('","'))
      .map(([account, currency, amount = '']) => [`${currency} ${account}`, cents(amount)])
      .filter(([, minor]) => minor !== 0n),
  )
}

export async function balancesByBeancount(path: string): Promise<Balances> {
  const script = `
import sys
from beancount import loader
from beancount.core import realization, inventory
entries, errors, options = loader.load_file(sys.argv[1])
assert not errors, errors
totals = {}
for entry in entries:
    for posting in getattr(entry, 'postings', None) or []:
        key = posting.units.currency + ' ' + posting.account
        totals[key] = totals.get(key, 0) + posting.units.number
for key, number in totals.items():
    print(key, '{:.2f}'.format(number))`
  return toBalances(await said(PYTHON, ['-c', script, path]))
}

export interface Statement {
  readonly currency: string
  /** Cents. */
  readonly sum: bigint
  readonly ids: readonly string[]
  readonly balance: bigint
}

export async function readByOfxparse(path: string): Promise<Statement> {
  const script = `
import sys, json
from ofxparse import OfxParser
with open(sys.argv[1], 'rb') as file:
    account = OfxParser.parse(file).account
statement = account.statement
print(json.dumps({'currency': statement.currency.upper(), 'ids': [t.id for t in statement.transactions],
  'sum': '{:.2f}'.format(sum(t.amount for t in statement.transactions)), 'balance': '{:.2f}'.format(statement.balance)}))`
  const { sum, balance, ...rest } = JSON.parse(await said(PYTHON, ['-c', script, path]))
  return { ...rest, sum: cents(sum), balance: cents(balance) }
}

const toBalances = (text: string): Balances =>
  Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => /^(.+) (-?[\d.]+)$/.exec(line))
      .flatMap((match): [string, bigint][] => (match ? [[match[1] ?? '', cents(match[2] ?? '')]] : []))
      .filter(([, minor]) => minor !== 0n),
  )
