import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { z } from 'zod'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL of the run's PostgreSQL. Each test file makes a database of its own there. */
    postgresUrl: string
    /** The name of a database on it that is migrated and empty, to be copied: migrating takes ten times as long. */
    migratedDatabase: string
    /** The run's Redis, empty and without persistence; null where no `redis-server` is on the PATH. */
    redisUrl: string | null
  }
}

/**
 * Compiles the command, which tests start often, and starts one PostgreSQL (unless `DATABASE_URL` names one) and one Redis
 * for the whole run; stops both at its end, leaving no process behind.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await compile()
  const { postgresUrl, migratedDatabase, redisUrl, stop } = await startServers()
  if (redisUrl === null) {
    const line =
      'redis-server is not on the PATH: install it (Debian/Ubuntu: apt-get install redis-server, macOS: brew install redis)'
    if (process.env.CI === 'true') {
      await stop()
      throw new Error(`${line}; with CI=true its tests may not be skipped.`)
    }
    console.warn(`${line}; the tests that need it are skipped.`)
  }
  project.provide('postgresUrl', postgresUrl)
  project.provide('migratedDatabase', migratedDatabase)
  project.provide('redisUrl', redisUrl)
  return stop
}

async function compile(): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const tsc = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc')
  // Incremental: a run that begins while another is at work writes no file anew under the processes of that one.
  const record = ['--incremental', '--tsBuildInfoFile', 'dist-test/tsconfig.tsbuildinfo']
  const options = ['-p', 'tsconfig.build.json', '--outDir', 'dist-test', ...record]
  await promisify(execFile)(process.execPath, [tsc, ...options], { cwd: root }).catch((error: { stdout?: string }) => {
    throw new Error(`the command does not compile:\n${error.stdout}`, { cause: error })
  })
}

const serversSchema = z.object({
  postgresUrl: z.string(),
  migratedDatabase: z.string(),
  redisUrl: z.string().nullable(),
})

async function startServers(): Promise<z.infer<typeof serversSchema> & { stop(): Promise<void> }> {
  const script = fileURLToPath(new URL('servers-process.ts', import.meta.url))
  // vitest runs this file where import.meta.resolve is missing.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  // Detached: a Ctrl-C must not end it before it has ended its servers.
  const child = spawn(process.execPath, ['--import', tsx, script], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const firstLine = once(createInterface({ input: child.stdout }), 'line')
  const [line] = await Promise.race([firstLine, exited.then(() => [null])])
  if (typeof line !== 'string') throw new Error("the run's servers did not start; the reason stands above")
  return {
    ...serversSchema.parse(JSON.parse(line)),
    async stop() {
      child.stdin.end()
      await exited
    },
  }
}
