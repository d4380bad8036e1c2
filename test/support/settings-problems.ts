/** What is wrong with a file of settings: a line for each problem, without the variable and the file that lead it. */
export function problemsIn(read: () => unknown, variable: string): string[] {
  try {
    read()
    return []
  } catch (error) {
    const lead = new RegExp(`^${variable}: \\S+\\.json:? `)
    return String(error instanceof Error ? error.message : error)
      .split('\n')
      .map((line) => line.replace(lead, ''))
  }
}
