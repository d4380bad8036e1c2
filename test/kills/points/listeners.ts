import { INTERVAL_MS } from '../../../src/alerts/settings.ts'
import { TOLD_KINDS } from '../../../src/domain/alert-routing.ts'
import type { Instant } from '../../../src/domain/clock.ts'
import {
  alertBodies,
  createRecordingChannel,
  digestBodies,
  distinctBodies,
  type RecordingChannel,
  toldIn,
} from '../../alerts/support.ts'

export type Mood = RecordingChannel['mood']
/** What the other side does with a message, by its type and whether it has it already. */
export type MoodOf = (message: { type: string; isRepeat: boolean }) => Mood

/** Those who are told. Like Helcim they outlive every process, and what they heard they cannot unhear. */
export interface Listeners {
  readonly channels: readonly RecordingChannel[]
  /** How the webhook takes its messages; the log takes all. */
  setMood(moodOf: MoodOf): void
  /** Messages that came again under their id. */
  countRepeats(): number
  /**
   * What each channel was told, as text without our ids and times, repeats under one id left out.
   * @param events `<mismatch> <kind> <instant>` of all that is to be told, sorted
   * @throws when a channel was not told each of them exactly once, or a repeat differs from its first
   */
  told(events: readonly string[]): Record<string, string[]>
  /** @returns what brings this moment back */
  save(): () => void
}

const CHANNELS = ['log', 'webhook'] as const

export function createListeners(): Listeners {
  let moodOf: MoodOf = () => 'takes'
  const channels = CHANNELS.map((name) => {
    const channel = createRecordingChannel(name)
    if (name === 'log') return channel
    const send = channel.send.bind(channel)
    channel.send = (message) => {
      const { type } = JSON.parse(message.body)
      channel.mood = moodOf({ type, isRepeat: channel.received.some((one) => one.messageId === message.messageId) })
      return send(message)
    }
    return channel
  })
  return {
    channels,
    setMood: (mood) => {
      moodOf = mood
    },
    countRepeats: () =>
      channels.reduce((sum, { received }) => sum + received.length - distinctBodies(received).size, 0),
    told(events) {
      return Object.fromEntries(
        channels.map(({ name, received }) => {
          const bodies = [...alertBodies(received).values()]
          const digests = [...digestBodies(received).values()]
          const told = toldIn(bodies)
          if (told.join() !== events.join())
            throw new Error(`the ${name} was told ${told.join()}; it happened that ${events.join()}`)
          const names = bodies.flatMap(({ type, data }) =>
            data.items.map(({ code, subject }) => `${type} ${code} ${subject.kind} ${subject.id}`),
          )
          return [name, [...names, ...digests.map(({ data }) => data.title)].sort()]
        }),
      )
    },
    save() {
      const copies = channels.map(({ received }) => [...received])
      return () => {
        for (const [index, { received }] of channels.entries()) received.splice(0, Infinity, ...(copies[index] ?? []))
      }
    },
  }
}

/** What is not told yet: what could be at once, what a process has claimed, and what waits for its time. */
export interface Untold {
  readonly ready: number
  readonly claimed: number
  readonly later: number
}

const LITERAL = (values: readonly string[]) => values.map((value) => `'${value}'`).join()

/** Counts as `Untold` has them, in our own words rather than those of the outbox. */
export const untoldQuery = (now: Instant): string => {
  const at = `'${new Date(now).toISOString()}'::timestamptz`
  return `
  with waiting as (
    select case when claimed_until > ${at} then 'claimed' when next_attempt_at > ${at} then 'later'
      when exists (select from recon.alert_items i join recon.mismatch_events e using (event_id)
        join recon.mismatch_events e0 using (mismatch_id)
        join recon.alert_items i0 on i0.event_id = e0.event_id and i0.channel = i.channel
        join recon.alert_messages a0 on a0.message_id = i0.message_id
        where i.message_id = a.message_id and a0.number < a.number and a0.delivered_at is null
          and a0.given_up_at is null) then 'behind another' else 'ready' end as how
    from recon.alert_messages a where delivered_at is null and given_up_at is null
    union all
    select case when exists (select from recon.alert_messages a where a.channel = c and a.cause = e.kind || ' ' || m.code
      and a.created_at > ${at} - ${INTERVAL_MS} * interval '1 ms') then 'later' else 'ready' end
    from recon.mismatch_events e join recon.mismatches m using (mismatch_id)
    cross join unnest(array[${LITERAL(CHANNELS)}]) c
    where e.kind in (${LITERAL(TOLD_KINDS)})
      and not exists (select from recon.alert_items i where i.channel = c and i.event_id = e.event_id)
  )
  select count(*) filter (where how = 'ready')::int as ready, count(*) filter (where how = 'claimed')::int as claimed,
    count(*) filter (where how = 'later')::int as later from waiting`
}

/** All that is to be told, as `Listeners.told` takes it. */
export const EVENTS_TOLD = `
  select mismatch_id || ' ' || kind || ' ' || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as event
  from recon.mismatch_events where kind in (${LITERAL(TOLD_KINDS)})`
