import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'

/**
 * A user of the embedded server in a process of its own: joins the directory named by its argument, tells so, leaves
 * when it reads a line. It outlives a Ctrl-C, and tells of it and of what a Ctrl-C does to an ordinary child.
 */
const tell = (event: string, facts: Record<string, unknown> = {}) =>
  process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`)

process.on('SIGINT', () => tell('interrupted'))
const [dataDir = ''] = process.argv.slice(2)
try {
  const { url, wasRunning, leave } = await joinEmbeddedPostgres({ dataDir })
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' })
  bystander.once('exit', (_code, signal) => tell('bystander ended', { signal }))
  tell('joined', { url, wasRunning })
  createInterface({ input: process.stdin }).once('line', async () => {
    await leave()
    tell('left')
    bystander.kill()
    process.exit(0)
  })
} catch (error) {
  tell('failed', error instanceof Error ? { name: error.name, message: error.message } : { error })
  process.exit(1)
}
