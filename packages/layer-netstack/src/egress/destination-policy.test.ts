import { ConfigurationError, parseAddress } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { DestinationPolicy, type DestinationPolicyOptions } from './destination-policy.ts'

const [TCP, UDP, ICMP] = [6, 17, 1]
const HOST = ['127.0.0.1', '192.0.2.2', '2001:db8::2', 'fe80::2%eth0', '198.51.100.64/26']

/** Asks for text addresses; port 443 over TCP unless it says otherwise. */
function policy(
  options: DestinationPolicyOptions = {},
): (address: string, port?: number, protocol?: number) => unknown {
  const decides = new DestinationPolicy({ hostAddresses: () => HOST, ...options })
  return (address, port = 443, protocol = TCP) => decides.refusal(parseAddress(address).bytes, port, protocol, 0)
}

describe('where flows may not go by themselves', () => {
  test.each([
    // Trap 1 of many gateways: the host's loopback.
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['::', 'unspecified'],
    // The same in other clothes.
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:0.0.0.0', 'unspecified'],
    ['::7f00:1', 'loopback'],
    ['::127.0.0.1', 'loopback'],
    ['::ffff:0:7f00:1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::', 'unspecified'],
    ['64:ff9b:1::7f00:1', 'loopback'],
    ['64:ff9b:1:7f00:0:100::', 'loopback'],
    ['64:ff9b:1:87f:0:1::', 'loopback'],
    ['64:ff9b:1:0:7f:0:100:0', 'loopback'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:7f00:1::1', 'loopback'],
    ['2001:0:7f00:1::', 'loopback'],
    ['2001:0:808:808:0:0:80ff:fffe', 'loopback'],
    ['2600::5efe:7f00:1', 'loopback'],
    ['2600::200:5efe:7f00:1', 'loopback'],
    // Metadata.
    ['169.254.169.254', 'metadata'],
    ['::ffff:169.254.169.254', 'metadata'],
    ['64:ff9b::a9fe:a9fe', 'metadata'],
    ['2002:a9fe:a9fe::', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['fd20:ce::254', 'metadata'],
    ['fe80::a9fe:a9fe', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['169.254.170.2', 'metadata'],
    // Neighbours.
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.255.1', 'private'],
    ['fc00::1', 'private'],
    ['fdff::1', 'private'],
    ['64:ff9b::a00:1', 'private'],
    ['2002:c0a8:101::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['100.64.0.1', 'cgnat'],
    ['100.127.255.255', 'cgnat'],
    // Not hosts, or none of today's internet.
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['240.0.0.1', 'reserved'],
    ['192.0.0.8', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['198.19.255.255', 'reserved'],
    ['192.88.99.1', 'reserved'],
    ['100::1', 'reserved'],
    ['fec0::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['2001:2::1', 'reserved'],
    ['64:ff9b:1::808:808', 'reserved'],
    ['::8.8.8.8', 'reserved'],
    ['::ffff:8.8.8.8', 'v4-mapped'],
    // This host.
    ['192.0.2.2', 'host-address'],
    ['::ffff:192.0.2.2', 'host-address'],
    ['64:ff9b::c000:202', 'host-address'],
    ['2002:c000:202::', 'host-address'],
    ['2001:db8::2', 'host-address'],
    ['fe80::2', 'host-address'],
    ['198.51.100.100', 'host-address'],
  ])('%s: %s', (address, refusal) => {
    for (const protocol of [TCP, UDP]) expect(policy()(address, 443, protocol)).toBe(refusal)
    expect(policy()(address, 0, ICMP)).toBe(refusal)
    expect(policy({ allow: ['0.0.0.0/0', '::/0', '*', '*:443'] })(address)).toBe(refusal)
  })

  test.each([
    '8.8.8.8',
    '1.0.0.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.0.2.1',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '198.51.100.63',
    '198.51.100.128',
    '203.0.113.7',
    '223.255.255.255',
    '2000::1',
    '2001:200::1',
    '2001:db8::3',
    '2606:4700::1111',
    '3fff:ffff::1',
    '64:ff9b::808:808',
    '2002:808:808::1',
    '2001:0:808:808:0:0:f7f7:f7f7',
    '2600::5efe:808:808',
  ])('%s is nobody to be protected', (address) => {
    for (const protocol of [TCP, UDP]) expect(policy()(address, 443, protocol)).toBeUndefined()
  })

  test('mail goes nowhere by TCP', () => {
    expect(policy()('8.8.8.8', 25, TCP)).toBe('smtp')
    expect(policy()('2606:4700::1111', 25, TCP)).toBe('smtp')
    expect(policy()('64:ff9b::808:808', 25, TCP)).toBe('smtp')
    expect(policy()('8.8.8.8', 25, UDP)).toBeUndefined()
    expect(policy()('8.8.8.8', 587, TCP)).toBeUndefined()
  })

  test('what is no address goes nowhere', () => {
    const decides = new DestinationPolicy({ hostAddresses: () => [] })
    for (const length of [0, 3, 5, 15, 17]) {
      expect(decides.refusal(new Uint8Array(length).fill(8), 443, TCP, 0)).toBe('malformed')
    }
  })
})

describe('allow', () => {
  test.each([
    // As long as the range, or longer, opens it.
    ['10.0.0.0/8', '10.9.8.7', undefined],
    ['10.9.0.0/16', '10.9.8.7', undefined],
    ['10.9.0.0/16', '10.8.8.7', 'private'],
    ['8.0.0.0/6', '10.9.8.7', 'private'],
    ['fc00::/7', 'fd00::1', undefined],
    ['127.0.0.0/8', '127.0.0.1', undefined],
    ['127.0.0.1', '127.0.0.1', undefined],
    ['127.0.0.1', '127.0.0.2', 'loopback'],
    ['126.0.0.0/7', '127.0.0.1', 'loopback'],
    ['::1', '::1', undefined],
    ['::/3', '::1', 'loopback'],
    ['198.18.0.0/15', '198.18.0.1', undefined],
    // Metadata and the host itself only by name.
    ['169.254.0.0/16', '169.254.1.1', undefined],
    ['169.254.0.0/16', '169.254.169.254', 'metadata'],
    ['169.254.169.254', '169.254.169.254', undefined],
    ['fc00::/7', 'fd00:ec2::254', 'metadata'],
    ['100.64.0.0/10', '100.100.100.200', 'metadata'],
    ['192.0.2.0/24', '192.0.2.2', 'host-address'],
    ['192.0.2.2', '192.0.2.2', undefined],
    // Who embeds must be allowed, and who is embedded.
    ['10.0.0.0/8', '64:ff9b::a00:1', undefined],
    ['64:ff9b::/96', '64:ff9b::a00:1', 'private'],
    ['64:ff9b::a00:1', '64:ff9b::a00:1', 'private'],
    ['64:ff9b:1::/48', '64:ff9b:1::808:808', undefined],
    ['64:ff9b:1::/48', '64:ff9b:1::a00:1', 'private'],
    ['10.0.0.0/8', '::ffff:10.0.0.1', 'v4-mapped'],
    ['127.0.0.0/8', '::7f00:1', 'reserved'],
  ])('%s: %s %s', (allow, address, refusal) => {
    expect(policy({ allow: [allow] })(address)).toBe(refusal)
  })

  test('with a port is for this port alone', () => {
    const ask = policy({ allow: ['10.1.2.3:5432', '[fd00::1]:8000-8001', '192.0.2.2:53'] })
    expect(ask('10.1.2.3', 5432)).toBeUndefined()
    expect(ask('10.1.2.3', 5433)).toBe('private')
    expect(ask('fd00::1', 8001, UDP)).toBeUndefined()
    expect(ask('fd00::1', 8002, UDP)).toBe('private')
    expect(ask('192.0.2.2', 53, UDP)).toBeUndefined()
    expect(ask('192.0.2.2', 51_820, UDP)).toBe('host-address')
    expect(ask('10.1.2.3', 0, ICMP)).toBe('private')
  })

  test('mail is opened by naming the port, and only where one may go', () => {
    expect(policy({ allow: ['8.8.8.8', '*'] })('8.8.8.8', 25)).toBe('smtp')
    expect(policy({ allow: ['8.8.8.8:25'] })('8.8.8.8', 25)).toBeUndefined()
    expect(policy({ allow: ['8.8.8.8:25'] })('8.8.4.4', 25)).toBe('smtp')
    expect(policy({ allow: ['*:25'] })('2606:4700::1111', 25)).toBeUndefined()
    expect(policy({ allow: ['*:25'] })('10.0.0.1', 25)).toBe('private')
    expect(policy({ allow: ['10.0.0.0/8:20-30'] })('10.0.0.1', 25)).toBeUndefined()
  })
})

describe('deny', () => {
  test('goes before allow, however short', () => {
    const ask = policy({ allow: ['10.1.2.3'], deny: ['10.0.0.0/8', '*:23', '8.8.8.8:53', '2600::/16'] })
    expect(ask('10.1.2.3')).toBe('denied')
    expect(ask('1.1.1.1', 23)).toBe('denied')
    expect(ask('8.8.8.8', 53, UDP)).toBe('denied')
    expect(ask('8.8.8.8', 443)).toBeUndefined()
    expect(ask('64:ff9b::808:808', 53)).toBe('denied')
    expect(ask('2600::1')).toBe('denied')
  })

  test('everything, where everything is denied', () => {
    const ask = policy({ deny: ['*'] })
    for (const address of ['8.8.8.8', '2600::1', '127.0.0.1']) expect(ask(address, 0, ICMP)).toBe('denied')
  })
})

describe('addresses that are ours', () => {
  test('those of the gateway are refused, but for services that are named', () => {
    const own = ['10.8.0.1', 'fd08::1', '203.0.113.7']
    const ask = policy({ own, allow: ['10.8.0.0/24', '203.0.113.7:443'] })
    expect(ask('10.8.0.2')).toBeUndefined()
    expect(ask('10.8.0.1')).toBe('gateway-address')
    expect(ask('fd08::1')).toBe('gateway-address')
    expect(ask('203.0.113.7', 51_820, UDP)).toBe('gateway-address')
    expect(ask('64:ff9b::cb00:7107', 51_820, UDP)).toBe('gateway-address')
    expect(ask('203.0.113.7', 443)).toBeUndefined()
  })

  test('those of the host are asked for again, at most once a second', () => {
    let asked = 0
    let addresses = ['192.0.2.2']
    const decides = new DestinationPolicy({
      hostAddresses: () => {
        asked++
        return addresses
      },
    })
    const at = (now: number): unknown => decides.refusal(parseAddress('203.0.113.9').bytes, 443, TCP, now)
    expect(at(5000)).toBeUndefined()
    const before = asked
    addresses = ['203.0.113.9']
    for (let now = 5000; now < 6000; now += 100) expect(at(now)).toBeUndefined()
    expect(asked).toBe(before)
    // At 6000, unless this machine was so busy that asking seemed to take long.
    let now = 6000
    while (at(now) === undefined && now < 65_000) now += 1000
    expect(at(now)).toBe('host-address')
    expect(asked).toBe(before + 1)
  })

  test('what was told last holds while nothing is told', () => {
    let fails = false
    const decides = new DestinationPolicy({
      hostAddresses: () => {
        if (fails) throw new Error('no')
        return ['203.0.113.9']
      },
    })
    fails = true
    expect(decides.refusal(parseAddress('203.0.113.9').bytes, 443, TCP, 1e6)).toBe('host-address')
  })

  test('the operating system tells by itself', () => {
    const decides = new DestinationPolicy({})
    expect(decides.refusal(Uint8Array.of(127, 0, 0, 1), 443, TCP, 0)).toBe('loopback')
    expect(decides.refusal(Uint8Array.of(8, 8, 8, 8), 443, TCP, 0)).toBeUndefined()
  })
})

test('a rule that cannot be is refused in a line that names the option', () => {
  expect(() => new DestinationPolicy({ allow: ['10.0.0.0/99'] })).toThrow(ConfigurationError)
  expect(() => new DestinationPolicy({ allow: ['10.0.0.0/99'] })).toThrow(/^sockets allow: expected/)
  expect(() => new DestinationPolicy({ deny: ['localhost'] })).toThrow(/^sockets deny: expected/)
})
