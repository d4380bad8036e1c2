import { describe, expect, test } from 'vitest'
import { killEverywhere } from './enumerate.ts'
import { describeKills, oneIn, open, report } from './law.ts'
import { ONE_PAGE, SCENARIOS } from './scenarios.ts'

describeKills(SCENARIOS.filter(({ isTold }) => !isTold))

describe('the enumeration sees what is wrong (control)', () => {
  test('progress that is committed before its rows', async () => {
    const { world, reference } = await open(ONE_PAGE)
    const isTornOut = (text: string) => /^(update "recon"\."pulls"|insert into "recon"\."pull_pages")/.test(text)
    // Denser than the others: few of the points are those at which it shows.
    const kills = await killEverywhere(world, reference, { isTornOut, oneIn: Math.min(oneIn, 3) })
    report('progress before its rows', kills)
    expect(kills.violations.filter((violation) => violation.includes('totals'))).not.toEqual([])
    expect((await killEverywhere(world, reference)).violations).toEqual([])
  })
})
