import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface NextVersion {
  readonly root: string
  /** Changes one text of one file, which must be there. */
  alter(file: string, from: string, to: string): void
  /** Adds a migration behind all others. */
  migrate(name: string, statements: readonly string[]): void
  remove(): void
}

/** A copy of this version to make the next one of. */
export function createNextVersion(): NextVersion {
  const root = mkdtempSync(join(tmpdir(), 'tieout-next-version-'))
  for (const name of ['src', 'migrations', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  const read = (file: string) => readFileSync(join(root, file), 'utf8')
  const write = (file: string, text: string) => writeFileSync(join(root, file), text)
  return {
    root,
    alter(file, from, to) {
      const text = read(file)
      if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`)
      write(file, text.replace(from, to))
    },
    migrate(name, statements) {
      const journalFile = 'migrations/meta/_journal.json'
      const journal = JSON.parse(read(journalFile))
      const last = journal.entries.at(-1)
      const tag = `${String(last.idx + 1).padStart(4, '0')}_${name}`
      journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag })
      write(journalFile, JSON.stringify(journal))
      write(`migrations/${tag}.sql`, statements.join('\n--> statement-breakpoint\n'))
    },
    remove: () => rmSync(root, { recursive: true }),
  }
}
