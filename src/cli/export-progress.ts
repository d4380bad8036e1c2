import cliProgress from 'cli-progress'
import { count } from './paint.ts'

export interface ExportProgress {
  update(file: string, countBytes: number): void
  stop(): void
}

/** On a terminal, how much of a file there is; how much there will be nobody knows before its end. Nothing elsewhere. */
export function showProgress(): ExportProgress {
  const bar = new cliProgress.SingleBar({ format: '  {file}  {megabytes} MB', hideCursor: true, clearOnComplete: true })
  const isTerminal = process.stdout.isTTY === true
  if (isTerminal) bar.start(1, 0, { file: '', megabytes: '0' })
  return {
    update(file, countBytes) {
      if (isTerminal) bar.update(0, { file, megabytes: count(Math.round(countBytes / 1e6)) })
    },
    stop: () => bar.stop(),
  }
}
