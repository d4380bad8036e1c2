import { defineConfig } from 'vitest/config'

/** Files that hold a pace, or a time to end in, over several processes: beside other tests they would measure the machine. */
const PACED = [
  'test/budget/processes.test.ts',
  'test/budget/leases.test.ts',
  'test/budget/strangers.test.ts',
  'test/accounts/fleet.test.ts',
  'test/kills/demo.test.ts',
  'test/webhooks/intake.test.ts',
]

const shared = {
  environment: 'node',
  // Tests start servers and processes of their own: a fork each, and few of them, keeps small machines responsive.
  pool: 'forks',
  isolate: false,
  // Guards against standing still, not bounds: the machines are shared, now and then ten times as slow, and some tests keep a
  // pace that takes two minutes alone.
  testTimeout: 600_000,
  hookTimeout: 600_000,
} as const

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: PACED,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...shared, name: 'paced', include: PACED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
