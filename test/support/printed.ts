import { vi } from 'vitest'

/** What a command prints, in this process. */
export async function printed(run: () => Promise<unknown>): Promise<string> {
  const chunks: string[] = []
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => chunks.push(String(chunk)) > 0)
  try {
    await run()
  } finally {
    spy.mockRestore()
  }
  return chunks.join('')
}
