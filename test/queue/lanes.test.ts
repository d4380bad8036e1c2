import { expect, test } from 'vitest'
import { createLanes } from '../../src/jobs/queue/lanes.ts'

const LANES = [{ key: 'account', cap: 1, isNarrowedByTrouble: false }]

/** Lanes with their one place taken, and what a refused job is told. */
function fullLanes() {
  let nowMs = 0
  const lanes = createLanes(() => nowMs)
  lanes.enter(LANES, 'running')
  return {
    lanes,
    pass: (ms: number) => {
      nowMs += ms
    },
    refuse(jobId: string): number {
      const answer = lanes.enter(LANES, jobId)
      if (answer.isAdmitted) throw new Error(`${jobId} was let in`)
      return answer.delayMs
    },
  }
}

test('the more wait outside, the longer each is sent away for; one that comes back counts once', () => {
  const { refuse } = fullLanes()
  const alone = refuse('a')
  for (let time = 0; time < 100; time += 1) expect(refuse('a')).toBeLessThan(alone * 3)
  for (let id = 0; id < 400; id += 1) refuse(`job ${id}`)
  expect(refuse('another')).toBeGreaterThan(2_500)
})

test('jobs that were run by another process hold up nobody for longer than they would have', () => {
  const { pass, refuse } = fullLanes()
  for (let id = 0; id < 400; id += 1) refuse(`run elsewhere ${id}`)
  expect(refuse('ours')).toBeGreaterThan(2_500)
  pass(30_000)
  expect(refuse('ours')).toBeLessThan(500)
})

test('a job that was let in waits outside no more', () => {
  const { lanes, refuse } = fullLanes()
  for (let id = 0; id < 400; id += 1) refuse(`job ${id}`)
  for (let id = 0; id < 400; id += 1) {
    lanes.leave(LANES, false)
    expect(lanes.enter(LANES, `job ${id}`)).toEqual({ isAdmitted: true })
  }
  expect(refuse('another')).toBeLessThan(500)
})
