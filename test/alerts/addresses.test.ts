import { describe, expect, test } from 'vitest'
import { isPublic, pinnedLookup } from '../../src/alerts/outgoing-address.ts'

const PRIVATE = [
  '0.0.0.0',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
]

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '198.17.255.255',
  '223.255.255.255',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
]

describe('addresses', () => {
  test.each(PRIVATE)('%s is not public', (address) => expect(isPublic(address)).toBe(false))
  test.each(PUBLIC)('%s is public', (address) => expect(isPublic(address)).toBe(true))
  test.each(['', 'localhost', '127.1', '1.2.3.4.5', '[::1]'])('%j is no address', (text) =>
    expect(isPublic(text)).toBe(false),
  )
})

describe('a pinned lookup', () => {
  const lookup = pinnedLookup(['8.8.8.8', '2606:4700:4700::1111'])
  const ask = (options: object) =>
    new Promise((resolve) => lookup('whatever.example', options, (...answer) => resolve(answer)))

  test('answers with what was checked, whatever the name', async () => {
    expect(await ask({ all: true })).toEqual([
      null,
      [
        { address: '8.8.8.8', family: 4 },
        { address: '2606:4700:4700::1111', family: 6 },
      ],
    ])
    expect(await ask({})).toEqual([null, '8.8.8.8', 4])
    expect(await ask({ family: 6 })).toEqual([null, '2606:4700:4700::1111', 6])
  })
})
