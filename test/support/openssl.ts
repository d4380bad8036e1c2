import { execFileSync } from 'node:child_process'

/** Whether certificates can be made; says so once where they cannot. */
export const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    console.log('TLS tests are skipped: install the openssl command to run them.')
    return false
  }
})()
