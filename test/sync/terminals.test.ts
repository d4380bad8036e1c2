import { describe, expect, it } from 'vitest'
import { runDoctor } from '../../src/cli/doctor.ts'
import { readConfig } from '../../src/config.ts'
import type { Look } from '../days/support.ts'
import { printed } from '../support/printed.ts'
import { read, withShop } from './support.ts'

const ALL = { resource: 'card_terminal', window: { kind: 'all' } } as const
const KNOWN = '{54181,54182}'

/** From now on the list shows these terminals instead of its own. */
function show({ sandbox }: Look, ids: readonly number[]): void {
  const body = JSON.stringify(ids.map((id) => ({ id, nickname: `No. ${id}`, currency: 'CAD', status: 'ACTIVE' })))
  const match = { path: '/card-terminals', times: Number.POSITIVE_INFINITY }
  sandbox.faults.clear()
  sandbox.faults.add({ match, act: { kind: 'answer', status: 200, body } })
}

const boundOf = async ({ query }: Look) =>
  (await query('select bound_terminal_ids::text as ids from recon.accounts'))[0]?.ids
const stopOf = async ({ query }: Look) => (await query('select stop_reason from recon.budgets'))[0]?.stop_reason

describe('the list of card terminals', () => {
  it('that comes empty tells nothing of whose it is: the account goes on, and stays bound', () =>
    withShop({}, async (look) => {
      await read(look, { cause: 'bind', ...ALL })
      show(look, [])
      expect(await read(look, { cause: 'empty', ...ALL })).toMatchObject({ state: 'complete' })
      expect(await stopOf(look)).toBeNull()
      expect(await boundOf(look)).toBe(KNOWN)
      expect(await read(look, { cause: 'days' })).toMatchObject({ state: 'complete' })
      // The control: what it is bound to is asked for as before.
      show(look, [999])
      expect(await read(look, { cause: 'another', ...ALL })).toMatchObject({ state: 'incomplete' })
    }))

  it('may change one terminal after the other until none of the first is left', () =>
    withShop({}, async (look) => {
      await read(look, { cause: 'bind', ...ALL })
      for (const ids of [[54182, 60001], [60001], [60002, 60001], [60002]]) {
        show(look, ids)
        expect(await read(look, { cause: `shows ${ids}`, ...ALL })).toMatchObject({ state: 'complete' })
      }
      expect(await stopOf(look)).toBeNull()
    }))

  it('that shows others alone is refused again after each start, and taken when a person says that all were replaced', () =>
    withShop({}, async (look) => {
      await read(look, { cause: 'bind', ...ALL })
      show(look, [60001, 60002])
      const refused = await read(look, { cause: 'others', ...ALL })
      expect(refused).toMatchObject({ state: 'incomplete', failCode: 'ACCOUNT_STOPPED' })
      expect(refused.failWords).toMatch(/another merchant's: .* run "tieout doctor --accept-terminals default"$/)
      expect(await look.found()).toMatchObject([{ code: 'pull_incomplete', key: 'resource card_terminal all' }])

      // What each start does, a day and more after the last list that was not refused.
      await look.query("update recon.pulls set started_at = started_at - interval '25 hours'")
      await look.query('update recon.budgets set stopped_at = null, stop_reason = null')
      await look.runtime.askForMissing('started anew')
      await read(look, { cause: 'rest' })
      expect(await stopOf(look)).toBe(refused.failWords)

      await accept(look)
      expect(await read(look, { cause: 'accepted', ...ALL })).toMatchObject({ state: 'complete' })
      expect(await stopOf(look)).toBeNull()
      expect(await boundOf(look)).toBe('{60001,60002}')
    }))
})

async function accept({ runtime, sandbox }: Look): Promise<void> {
  const config = readConfig({
    HELCIM_BASE_URL: sandbox.url,
    HELCIM_API_TOKEN: sandbox.token,
    DATABASE_URL: runtime.database.url,
  })
  const doctor = (name: string) =>
    printed(() => runDoctor(config, { offline: true, acceptTerminals: name, json: true }))
  expect(await doctor('defualt')).toContain('there is no account \\"defualt\\"; choose from default')
  expect(await doctor('default')).toContain('those that the token of default shows at the next reading')
}
