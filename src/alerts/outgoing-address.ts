import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Turns a host name into addresses; IP literals never come here. Tests pass their own. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** As the machine resolves names: hosts file, search domains and DNS. */
export const resolveAddresses: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address)

export type CheckedAddress =
  | { readonly isAllowed: true; readonly addresses: readonly string[] }
  | { readonly isAllowed: false; readonly words: string }

/**
 * Checks where a URL leads: over https to addresses all of which are public, or to a host that was allowed by name.
 * One address that is not public is enough to refuse: which of them a connection takes is not ours to say.
 * @throws what `resolve` throws
 */
export async function checkAddress(
  url: URL,
  { allowHosts, resolve }: { allowHosts: readonly string[]; resolve: Resolve },
): Promise<CheckedAddress> {
  const isHostAllowed = isAllowedByName(url.hostname, allowHosts)
  if (!isHostAllowed && url.protocol !== 'https:') return { isAllowed: false, words: 'the URL is not https' }
  return checkHost(url.hostname, { allowHosts, resolve })
}

/**
 * Checks where the host of a URL leads, whatever is spoken there.
 * @param host as a URL has it: lower case, IPv6 in brackets
 * @throws what `resolve` throws
 */
export async function checkHost(
  host: string,
  { allowHosts, resolve }: { allowHosts: readonly string[]; resolve: Resolve },
): Promise<CheckedAddress> {
  // A URL writes IPv6 in brackets, and has every spelling of an IPv4 address in its normal form.
  const hostname = host.replace(/^\[(.*)\]$/, '$1')
  const addresses = isIP(hostname) === 0 ? await resolve(hostname) : [hostname]
  if (addresses.length === 0) return { isAllowed: false, words: 'the host has no address' }
  const inward = addresses.find((address) => !isPublic(address))
  if (inward === undefined || isAllowedByName(host, allowHosts)) return { isAllowed: true, addresses }
  return { isAllowed: false, words: `an address of the host is not public: ${inward}` }
}

const isAllowedByName = (host: string, allowHosts: readonly string[]): boolean =>
  allowHosts.some((one) => one.toLowerCase() === host)

/** True for an address of this machine alone. */
export const isLoopbackAddress = (address: string): boolean =>
  isIP(address) === 4 ? address.startsWith('127.') : isIP(address) === 6 && LOOPBACK_6.check(address, 'ipv6')

/**
 * A lookup that answers with these addresses whatever the name is and whatever the DNS says by now: the connection goes
 * to what was checked. The name stays in the certificate check.
 */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_hostname, options, callback) => {
    const wanted =
      options.family === 4 || options.family === 6 ? all.filter((one) => one.family === options.family) : all
    const [first] = wanted
    if (!first) return callback(new Error('no checked address of this family'), '', 0)
    if (options.all) return callback(null, wanted)
    callback(null, first.address, first.family)
  }
}

/** True for addresses of the public internet; false as well for what is none. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !NOT_PUBLIC_4.check(address, 'ipv4')
    case 6:
      // One with a zone belongs to a link.
      return !address.includes('%') && !NOT_PUBLIC_6.check(address, 'ipv6')
    default:
      return false
  }
}

const blockListOf = (family: 'ipv4' | 'ipv6', ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix = ''] = range.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

const LOOPBACK_6 = blockListOf('ipv6', ['::1/128'])

/** IANA's special-purpose ranges, and multicast. Two lists, because a list of both would map one family to the other. */
const NOT_PUBLIC_4 = blockListOf('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])

/**
 * Everything outside 2000::/3, the only range that is handed out: so loopback, mapped and translated IPv4 (::ffff:0:0/96,
 * 64:ff9b::/96), unique local, link-local and multicast. Then the special ones inside it, 6to4 and Teredo among them.
 */
const NOT_PUBLIC_6 = blockListOf('ipv6', [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
])
