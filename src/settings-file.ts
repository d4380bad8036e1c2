import { readFileSync } from 'node:fs'
import type { Secret } from './domain/secret.ts'

/**
 * Reads a file of settings.
 * @param see where its form is told
 * @param failure makes an error of what is wrong, which names the variable and the file
 */
export function readJsonFile(path: string, see: string, failure: (words: string) => Error): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw failure(`cannot be read${codeOf(error)}; set it to a file that this user may read`)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw failure(`is no JSON; see ${see}`)
  }
}

/** Reads a file that holds one secret. @throws Error with one line that names the file, and no secret */
export function readSecretFile(path: string, what: string, parse: (text: string) => Secret): Secret {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`"${path}" cannot be read${codeOf(error)}; set it to a file that this user may read`)
  }
  if (text === '') throw new Error(`"${path}" is empty; write the ${what} into it`)
  return parse(text)
}

/** `accounts[2].zone`, as one would write it. */
export const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : String(part)))
    .join('.')
    .replaceAll('.[', '[') || 'the file'

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '')
