import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'
import { endChildren } from './child-process.ts'
import { listProcessesIn } from './server-facts.ts'

/** Gives each test of the file an empty data directory, and checks that it leaves no process behind. */
export function useDataDir(): { readonly dataDir: string; readonly clusterDir: string } {
  const place = { dataDir: '', clusterDir: '' }
  beforeEach(async () => {
    place.dataDir = await mkdtemp(join(tmpdir(), 'tieout-test-embedded-'))
    place.clusterDir = join(place.dataDir, 'postgres-18')
    // Under root the server is another user, who must pass through.
    await chmod(place.dataDir, 0o755)
  })
  afterEach(async ({ task }) => {
    endChildren()
    // What a failed test left running is stopped by a user who comes and goes.
    if (task.result?.state === 'fail') await (await joinEmbeddedPostgres({ dataDir: place.dataDir })).leave()
    expect(await listProcessesIn(place.dataDir)).toEqual([])
    await rm(place.dataDir, { recursive: true, force: true })
  })
  return place
}
