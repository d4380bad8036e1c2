import { randomBytes, randomInt } from 'node:crypto'

/** A secret that was planted somewhere, under the name by which a test reports where it came from. */
export interface Canary {
  readonly name: string
  readonly secret: string
}

/** A place in which somebody might read it. */
export interface Surface {
  readonly name: string
  readonly text: string
}

/** A word that occurs nowhere else, and changes in JSON, in URLs and in base64. */
export const createSecretWord = (): string => `q"\\%+/=&${randomBytes(12).toString('hex')}`

/** 16 digits that pass for a card of this prefix. */
export function createCardNumber(prefix: string): string {
  let digits = prefix
  while (digits.length < 15) digits += randomInt(10)
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = index % 2 === 0 ? Number(digit) * 2 : Number(digit)
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return `${digits}${(10 - (sum % 10)) % 10}`
}

/** How a secret may look after it was quoted, sent or packed. */
export function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1)
  const forms = [
    secret,
    inJson,
    // JSON in JSON, as a log line that quotes a body.
    JSON.stringify(inJson).slice(1, -1),
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    Buffer.from(secret).toString('hex'),
    ...[0, 1, 2].flatMap((offset) => base64Within(secret, offset)),
  ]
  return [...new Set(forms)]
}

/** What of the secret's base64 does not depend on its neighbours, where `offset` bytes of a group of three stand before. */
function base64Within(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
  const begin = Math.ceil((offset * 8) / 6)
  const end = Math.floor((bytes.length * 8) / 6)
  return (['base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding).slice(begin, end))
}

/** Digits that were written in groups come together again. */
const withoutGroups = (text: string): string => text.replace(/(?<=\d)[^0-9A-Za-z"{}[\]:,]{1,2}(?=\d)/g, '')

/** Every canary that can be read on a surface: `api token in log`. */
export function findCanaries(canaries: readonly Canary[], surfaces: readonly Surface[]): string[] {
  const found = new Set<string>()
  for (const surface of surfaces) {
    const texts = [surface.text, withoutGroups(surface.text)]
    for (const { name, secret } of canaries) {
      const isSeen = formsOf(secret).some((form) => texts.some((text) => text.includes(form)))
      if (isSeen) found.add(`${name} in ${surface.name}`)
    }
  }
  return [...found]
}
