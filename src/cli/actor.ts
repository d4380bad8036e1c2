import { userInfo } from 'node:os'
import { WORKER_ACTOR } from '../domain/mismatch.ts'
import { UsageError } from '../domain/operating-error.ts'
import { printable } from '../domain/printable.ts'
import { maskCardNumbers } from '../helcim/card-numbers.ts'

/** Who does it: as said, or the user of this machine. */
export function actorOf(by: string | undefined): string {
  const actor = nameOf('--by', by ?? systemUser())
  if (actor !== WORKER_ACTOR) return actor
  throw new UsageError(`--by: "${WORKER_ACTOR}" is the worker itself; say which person you are`)
}

function systemUser(): string {
  try {
    return userInfo().username
  } catch {
    // In a container a user may have a number only.
    return ''
  }
}

const NAME_LENGTH_MAX = 100

/** The name of a person, as given by an option. */
export function nameOf(option: string, text: string): string {
  const name = maskCardNumbers(text.trim())
  if (name !== '' && name.length <= NAME_LENGTH_MAX && printable(name) === name) return name
  throw new UsageError(`${option}: give the name of a person, of at most ${NAME_LENGTH_MAX} letters`)
}
