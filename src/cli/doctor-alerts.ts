import { tryEmail } from '../alerts/email-channel.ts'
import { type AlertSettings, readAlertSettings } from '../alerts-file.ts'
import type { Config } from '../config.ts'
import { listAccounts } from '../db/accounts.ts'
import { listTargets } from '../db/alerts/targets.ts'
import type { Db } from '../db/client.ts'
import { UsageError } from '../domain/operating-error.ts'
import { clockOf } from './clock.ts'
import type { Check } from './doctor.ts'
import { deathText } from './show-alert-targets.ts'

/**
 * Who is told, and whether they take it: targets that died, and a login at the mail server. Slack and webhooks have no
 * way to be tried without a message.
 */
export async function checkAlerts(
  config: Config,
  { db, isOffline, checks }: { db: Db; isOffline: boolean; checks: Check[] },
): Promise<void> {
  let settings: AlertSettings
  try {
    settings = readAlertSettings(config)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    checks.push({ name: 'alerts', isFine: false, says: error.message })
    return
  }
  const { channels } = settings.rulesOf('')
  const accounts = await listAccounts(db)
  // No fault: an account may be named before its first start.
  const unknown = settings.accountNames.filter((name) => !accounts.some((account) => account.name === name))
  const hint = unknown.length === 0 ? '' : `; TIEOUT_ALERTS_FILE names what is no account yet: ${unknown.join(', ')}`
  checks.push({ name: 'alerts', isFine: true, says: `told on ${channels.join(', ')}${hint}` })
  const now = clockOf(config).now()
  for (const { accountId, name } of accounts) {
    const targets = await listTargets(db, { accountId, now })
    for (const target of targets.filter(({ channel, deadAt }) => deadAt !== null && channels.includes(channel))) {
      checks.push({ name: `alerts, ${target.channel}`, isFine: false, says: `account ${name}: ${deathText(target)}` })
    }
  }
  const { email, allowHosts } = config.alerts
  if (email === null || isOffline) return
  const tried = await tryEmail({ ...email, name: 'email', allowHosts })
  checks.push({
    name: 'mail server',
    isFine: tried.kind === 'taken',
    says:
      tried.kind === 'taken'
        ? 'it takes the login'
        : `${tried.words}: check ALERT_EMAIL_URL, and ALERT_ALLOW_HOSTS for one inside your network`,
  })
}
