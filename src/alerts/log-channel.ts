import type { Severity } from '../domain/mismatch.ts'
import type { Logger } from '../log.ts'
import type { AlertChannel } from './channel.ts'
import type { MessageBody } from './letter.ts'

/**
 * Tells on the log: one line a message, at `error` where a person should act now, and a resolved notice or a digest at `info`. A
 * process killed between the line and its record writes the line again, under the same `messageId`.
 */
export function createLogChannel(log: Logger): AlertChannel {
  return {
    name: 'log',
    async send({ messageId, body }) {
      const { type, data }: MessageBody = JSON.parse(body)
      const isNews = type !== 'mismatches.resolved' && type !== 'digest.daily'
      log[isNews ? LEVELS[data.severity] : 'info']({ messageId, ...data }, type)
      return { kind: 'taken' }
    },
  }
}

const LEVELS: Readonly<Record<Severity, 'error' | 'warn' | 'info'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warn',
  low: 'info',
  info: 'info',
}
