import { once } from 'node:events'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { withGenerationLock } from '../../src/db/embedded/generation-lock.ts'

/** Takes numbers from a counter file, reading, waiting a little, and writing: with the lock, or without as a control. Begins at a line. */
const [directory = '', count = '0', mode = ''] = process.argv.slice(2)
const counterPath = join(directory, 'counter')

const takeNumber = async () => {
  const number = Number(await readFile(counterPath, 'utf8')) + 1
  await sleep(1)
  // Killed while it writes over the counter, it would leave an empty one.
  await writeFile(`${counterPath}-${process.pid}`, String(number))
  await rename(`${counterPath}-${process.pid}`, counterPath)
  process.stdout.write(`${JSON.stringify({ event: 'took', number })}\n`)
}
process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`)
await once(createInterface({ input: process.stdin }), 'line')
for (let i = 0; i < Number(count); i++) {
  await (mode === 'locked' ? withGenerationLock(join(directory, 'lock'), takeNumber) : takeNumber())
}
process.exit()
