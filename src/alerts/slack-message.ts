import { type Letter, letterOf, type MessageBody } from './letter.ts'

/** Slack's limits (Block Kit reference): blocks of a message, characters of a header and of a section's text. */
export const SLACK_LIMITS = { blocks: 50, header: 150, section: 3_000 } as const

type SlackBlock =
  | { readonly type: 'header'; readonly text: { readonly type: 'plain_text'; readonly text: string } }
  | {
      readonly type: 'section'
      readonly text: { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true }
    }

/** What an incoming webhook takes; `text` is what notifications show. */
export interface SlackMessage {
  readonly text: string
  readonly blocks: readonly SlackBlock[]
}

export function slackMessageOf(body: MessageBody): SlackMessage {
  const letter = letterOf(body)
  const title = fitted(letter.title, SLACK_LIMITS.header)
  const blocks: SlackBlock[] = [
    { type: 'header', text: { type: 'plain_text', text: title } },
    ...sectionsOf(letter).map((text) => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } }) as const),
  ]
  return { text: title, blocks: blocks.slice(0, SLACK_LIMITS.blocks) }
}

/** Texts of sections, none beyond its limit; what does not fit into one begins the next, by lines. */
function sectionsOf({ text, sections }: Letter): string[] {
  const texts = [fitted(text, SLACK_LIMITS.section)]
  for (const { title, lines } of sections) {
    let section = title === null ? '' : `*${fitted(title, SLACK_LIMITS.header)}*`
    for (const line of lines) {
      const next = fitted(line, SLACK_LIMITS.section)
      if (section.length + next.length + 1 > SLACK_LIMITS.section) {
        texts.push(section)
        section = next
      } else section = section === '' ? next : `${section}\n${next}`
    }
    texts.push(section)
  }
  return texts
}

/** As Slack asks: these three and no others. So no text of ours mentions, links or calls a channel. */
const escapeSlack = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Escaped, and no longer than `lengthMax`: cut between characters, never within what an escape made of one. */
function fitted(text: string, lengthMax: number): string {
  const escaped = escapeSlack(text)
  if (escaped.length <= lengthMax) return escaped
  let cut = ''
  for (const character of text) {
    const next = escapeSlack(character)
    if (cut.length + next.length + 1 > lengthMax) break
    cut += next
  }
  return `${cut}…`
}
