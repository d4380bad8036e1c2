import { readdirSync, readFileSync } from 'node:fs'
import { basename, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/**
 * What each part of `src` may import besides itself: folders, or single files. The entry points stand above all and
 * are handed on to nobody. A new folder or file at the top needs a line here, so that its layer is a decision.
 */
const LAYERS: Readonly<Record<string, readonly string[] | 'everything'>> = {
  domain: [],
  helcim: ['domain'],
  db: ['domain'],
  reconcile: ['db', 'domain'],
  alerts: ['db', 'domain', 'log.ts'],
  books: ['db', 'domain'],
  exports: ['db', 'domain'],
  periods: ['books', 'exports', 'db', 'domain'],
  http: ['db', 'domain', 'log.ts'],
  jobs: ['context.ts', 'reconcile', 'books', 'exports', 'periods', 'alerts', 'db', 'helcim', 'domain'],
  'context.ts': ['reconcile', 'alerts', 'db', 'helcim', 'domain'],
  sandbox: ['domain/clock.ts', 'domain/money.ts'],
  'accounts-file.ts': [
    'config.ts',
    'checks-file.ts',
    'settings-file.ts',
    'domain',
    'helcim/base-url.ts',
    'reconcile/settings.ts',
  ],
  'alerts-file.ts': ['config.ts', 'settings-file.ts', 'outgoing-settings.ts', 'domain'],
  'books-file.ts': ['config.ts', 'settings-file.ts', 'domain'],
  'checks-file.ts': ['config.ts', 'settings-file.ts', 'domain', 'reconcile/settings.ts'],
  'config.ts': ['domain', 'helcim/base-url.ts', 'outgoing-settings.ts'],
  'outgoing-settings.ts': ['domain'],
  'settings-file.ts': ['domain'],
  'log.ts': ['domain/secret.ts'],
  cli: 'everything',
  'cli.ts': 'everything',
  'main.ts': 'everything',
}

const LINES_MAX = 400

/** What no line may hold, where it may all the same, and what to write instead. */
const FORBIDDEN_TEXTS = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    except: 'domain/clock.ts',
    instead: 'take a Clock (domain/clock.ts) and ask clock.now(); deadlines of the network use performance.now()',
    sample: 'const at = Date.now()',
  },
  {
    pattern: /\bparseFloat\(|\.toFixed\(/,
    except: null,
    instead:
      'money goes from text to minor units and back without a double (domain/money.ts); a ratio is rounded by Math.round',
    sample: "const amount = parseFloat('1.10')",
  },
] as const

interface Source {
  /** Relative to `src`, with slashes. */
  readonly path: string
  readonly text: string
}

const sources = readSources(fileURLToPath(new URL('../src', import.meta.url)))

describe('layers', () => {
  test('arrows only point down: main/cli → jobs → reconcile → db and helcim → domain', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.flatMap(layerObjections)).toEqual([])
  })

  test.each([
    ['domain/money.ts', "import { openDatabase } from '../db/client.ts'"],
    ['db/mirror/store.ts', "import type { Page } from '../../helcim/page.ts'"],
    ['helcim/client.ts', "export { budget } from '../db/call-budget.ts'"],
    ['reconcile/run.ts', "import {\n  a,\n  b,\n} from '../jobs/define-job.ts'"],
    ['jobs/sync.ts', "const { createSandbox } = await import('../sandbox/sandbox.ts')"],
    ['jobs/sync.ts', "import '../config.ts'"],
    ['db/client.ts', "import { createLog } from '../log.ts'"],
    ['sandbox/server.ts', "import { checkBaseUrl } from '../helcim/base-url.ts'"],
    ['sandbox/server.ts', "import { toBusinessDate } from '../domain/calendar.ts'"],
    ['unheard-of/file.ts', 'export {}'],
  ])('the checker sees a forbidden import: %s with %s', (path, text) => {
    expect(layerObjections({ path, text })).toHaveLength(1)
  })

  test.each([
    ['domain/calendar.ts', "import { type Instant } from './clock.ts'\nimport { Temporal } from 'temporal-polyfill'"],
    ['db/mirror/store.ts', "import type { Db } from '../client.ts'\nimport type { Page } from '../../domain/pull.ts'"],
    ['sandbox/resources/a.ts', "import { toInstant } from '../../domain/clock.ts'"],
    ['cli/demo.ts', "import { createSandbox } from '../sandbox/sandbox.ts'"],
  ])('the checker lets a permitted import pass: %s', (path, text) => {
    expect(layerObjections({ path, text })).toEqual([])
  })
})

describe('files', () => {
  test(`none is longer than ${LINES_MAX} lines`, () => {
    const objections = sources
      .map(({ path, text }) => ({ path, countLines: text.split('\n').length - 1 }))
      .filter(({ countLines }) => countLines > LINES_MAX)
      .map(({ path, countLines }) => `${path}: has ${countLines} lines; split it by subject`)
    expect(objections).toEqual([])
  })

  test('each is named after its subject', () => {
    const objections = sources
      .filter(({ path }) => path.split('/').some((part) => /^(utils?|helpers?|misc|common)(\.ts)?$/.test(part)))
      .map(({ path }) => `${path}: name it after what it holds, or put that beside its only user`)
    expect(objections).toEqual([])
  })
})

describe.each(FORBIDDEN_TEXTS)('$pattern', (rule) => {
  test('stands nowhere in src', () => {
    expect(sources.flatMap((source) => textObjections(source, rule))).toEqual([])
  })

  test('would be seen', () => {
    expect(textObjections({ path: 'jobs/sync.ts', text: `// A line.\n${rule.sample}\n` }, rule)).toEqual([
      `jobs/sync.ts:2: ${rule.instead}`,
    ])
  })
})

function layerObjections({ path, text }: Source): string[] {
  const part = partOf(path)
  const allowed = LAYERS[part]
  if (allowed === undefined) return [`${path}: give "${part}" its place in LAYERS of this test`]
  if (allowed === 'everything') return []
  return importsOf(text)
    .map((specifier) => posix.join(posix.dirname(path), specifier))
    .filter((target) => partOf(target) !== part && !allowed.includes(partOf(target)) && !allowed.includes(target))
    .map((target) => {
      const instead = 'take it as an argument, or move what both need down to domain'
      return `${path}: must not import ${target}; ${part} may import ${allowed.join(', ') || 'nothing of ours'}: ${instead}`
    })
}

/** The folder directly under `src`, or the file that lies there. */
const partOf = (path: string): string => path.split('/')[0] ?? path

/** Our own modules that `text` imports or re-exports, in any of the spellings. */
const importsOf = (text: string): string[] =>
  [...text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]/g)].map(([, specifier]) => specifier ?? '')

function textObjections({ path, text }: Source, rule: (typeof FORBIDDEN_TEXTS)[number]): string[] {
  if (path === rule.except) return []
  return text
    .split('\n')
    .flatMap((line, index) => (rule.pattern.test(line) ? [`${path}:${index + 1}: ${rule.instead}`] : []))
}

function readSources(root: string): Source[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && basename(entry.name).endsWith('.ts'))
    .map((entry) => {
      const file = `${entry.parentPath}/${entry.name}`
      return { path: relative(root, file).replaceAll('\\', '/'), text: readFileSync(file, 'utf8') }
    })
}
