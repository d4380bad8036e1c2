import { describe, expect, test } from 'vitest'
import { killEverywhere } from './enumerate.ts'
import { describeKills, oneIn, open, report } from './law.ts'
import { ONE_ALERT, SCENARIOS } from './scenarios.ts'

describeKills(SCENARIOS.filter(({ isTold }) => isTold))

describe('the enumeration sees what is wrong (control)', () => {
  test('transitions that count as told before the message that tells them is written', async () => {
    const { world, reference } = await open(ONE_ALERT)
    const isTornOut = (text: string) => /insert into recon\.alert_items/.test(text)
    const kills = await killEverywhere(world, reference, { isTornOut, oneIn })
    report('told before the message', kills)
    expect(kills.violations.filter((violation) => violation.includes('was told'))).not.toEqual([])
  })
})
