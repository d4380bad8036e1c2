import type { Secret } from '../domain/secret.ts'
import type { CallOutcome } from '../domain/settlement.ts'
import { judge } from './answers.ts'
import { tryDecodeBody } from './body.ts'
import { errorWords } from './error-words.ts'
import type { Exchange } from './exchange.ts'
import { isJsonObject, parseJson } from './json.ts'

/** How the one call of a settlement ended. */
export interface SettlementAnswer {
  readonly outcome: CallOutcome
  /** HTTP status, or null when no answer arrived. */
  readonly status: number | null
  /** Helcim's own words, or ours about what is wrong with its answer; bounded, without secrets. */
  readonly words: string
  /** The token may not do this, or is not accepted at all: asking again with it is in vain. */
  readonly isNotPermitted: boolean
}

/**
 * What an exchange tells about a settlement. Only what Helcim itself says counts as "no": a page of somebody on the way
 * says nothing about what took effect.
 */
export async function understandSettlement(
  exchanged: Exchange,
  { token, bodyCapBytes }: { token: Secret; bodyCapBytes: number },
): Promise<{ answer: SettlementAnswer; isUnauthorized: boolean }> {
  const { status, headers, failure, kind } = exchanged
  const answered = (outcome: CallOutcome, words: string) => ({
    answer: { outcome, status, words, isNotPermitted: false },
    isUnauthorized: false,
  })
  if (kind === 'unsent') return answered('unsent', failure?.words ?? '')
  if (failure !== null || status === null) return answered('unclear', failure?.words ?? 'no status')
  const { body, complaint } = await tryDecodeBody(exchanged.bytes, headers, bodyCapBytes)
  if (status === 200) {
    if (complaint !== null || !isObject(body.text))
      return answered('unclear', complaint ?? 'no JSON object behind a 200')
    return answered('taken', '')
  }
  const { words, isForeign } = errorWords(body.text, [token.reveal()])
  const isNotHelcims = isForeign || complaint !== null
  const verdict = judge({ status, intent: 'settling', words, isForeign: isNotHelcims })
  if (verdict === 'HELCIM_RATE_LIMITED') return answered('limited', words)
  if (isNotHelcims) return answered('unclear', complaint ?? words)
  switch (verdict) {
    case 'HELCIM_REFUSED':
      return answered('refused', words)
    case 'read_back':
      return answered('declined', words)
    case 'HELCIM_NOT_PERMITTED':
    case 'HELCIM_UNAUTHORIZED':
      return {
        answer: { outcome: 'refused', status, words, isNotPermitted: true },
        isUnauthorized: verdict === 'HELCIM_UNAUTHORIZED',
      }
    default:
      return answered('unclear', words)
  }
}

function isObject(text: string): boolean {
  try {
    return isJsonObject(parseJson(text))
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
