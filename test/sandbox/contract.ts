import { readFileSync } from 'node:fs'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const readFixture = (name: string): { [key: string]: Json } =>
  JSON.parse(readFileSync(new URL(`../fixtures/helcim/${name}.json`, import.meta.url), 'utf8'))

/** The body of a recorded or documented case. */
export function example(file: string, name: string): Json {
  const { cases } = readFixture(file)
  const found = Array.isArray(cases) ? cases.find((each) => asObject(each).name === name) : undefined
  return asObject(found ?? null).body ?? null
}

export function asObject(value: Json): { [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`no object: ${value}`)
  return value
}

export const asList = (value: Json): Json[] => {
  if (!Array.isArray(value)) throw new Error('no list')
  return value
}

/** Keys in order, each with the kind of its value. */
export const shapeOf = (value: Json) => Object.entries(asObject(value)).map(([key, each]) => `${key}: ${typeof each}`)

/** Keys that a schema of the published definition does not know, or whose type differs. */
export function offences(value: Json, schemaName: string, file = 'openapi-card'): string[] {
  const properties = asObject(
    asObject(asObject(readFixture(file).schemas ?? null)[schemaName] ?? null).properties ?? null,
  )
  return Object.entries(asObject(value)).flatMap(([key, each]) => {
    const type = properties[key] === undefined ? 'unknown key' : (asObject(properties[key]).type ?? 'object')
    const kind = Array.isArray(each) ? 'array' : typeof each
    const isRight = type === 'integer' ? Number.isInteger(each) : type === kind
    return isRight ? [] : [`${key} (${type}): ${JSON.stringify(each)}`]
  })
}

export const json = (reply: { text: string }): Json => JSON.parse(reply.text)
