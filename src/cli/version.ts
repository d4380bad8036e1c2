import { readFileSync } from 'node:fs'

/** The version of this installation. `package.json` lies beside `src/` and beside `dist/`. */
export function versionOfPackage(): string {
  const facts: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const isNamed = typeof facts === 'object' && facts !== null && 'version' in facts
  return isNamed ? String(facts.version) : 'unknown'
}
