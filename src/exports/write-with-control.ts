import { CONTROL_ENDING } from './control.ts'
import { type StagedFile, stageFile } from './stage-file.ts'

/**
 * Writes a file and the control file beside it. Each appears under its name only when both are whole, the control file
 * right after the other one.
 * @param fill fills the file, and says what its control file holds
 * @throws UsageError when the directory cannot be written to
 */
export async function writeWithControl<C extends object>(
  directory: string,
  file: string,
  fill: (data: StagedFile) => Promise<C>,
  options: { signal?: AbortSignal },
): Promise<{ path: string; control: C }> {
  const data = await stageFile(directory, file)
  try {
    const control = await fill(data)
    const beside = await stageFile(directory, `${file}${CONTROL_ENDING}`)
    try {
      await beside.fill([`${JSON.stringify(control, null, 2)}\n`], options)
      await data.publish()
      await beside.publish()
      return { path: data.path, control }
    } finally {
      await beside.discard()
    }
  } finally {
    await data.discard()
  }
}
