import { decodePacket, icmpEcho, ipv4, ipv6, LayerRig, summarize } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { accessPolicy, noIpv6 } from './access-policy.ts'

const ping = icmpEcho({ type: 'request', identifier: 7 })
const subnets = { subnet: '10.7.0.0/24', subnet6: 'fd12:3456:789a::/64' }

function outputs(rig: LayerRig): string[] {
  return rig.take().map(({ direction, bytes }) => `${direction} ${summarize(decodePacket(bytes))}`)
}

describe('accessPolicy', () => {
  test.each([
    '203.0.113.9', // the Internet
    '10.7.0.1', // the gateway
    '192.168.1.1', // private networks
    '10.8.0.2',
    '172.16.0.1',
    '100.64.0.1',
  ])('lets a client reach %s', async (destination) => {
    const rig = await LayerRig.start(accessPolicy(subnets))
    rig.up(ipv4({ source: '10.7.0.2', destination }, ping))
    expect(outputs(rig)).toEqual([`up ICMP 10.7.0.2 > ${destination} echo request 7`])
  })

  test.each([
    '10.7.0.3', // another client
    '10.7.0.0',
    '10.7.0.255',
    '169.254.169.254', // metadata of most clouds
    '127.0.0.1',
    '0.0.0.0',
    '224.0.0.251',
    '255.255.255.255',
  ])('refuses %s', async (destination) => {
    const rig = await LayerRig.start(accessPolicy(subnets))
    rig.up(ipv4({ source: '10.7.0.2', destination }, ping))
    expect(outputs(rig).filter((line) => line.startsWith('up'))).toEqual([])
    expect(rig.drops).toEqual(new Map([['not-allowed', 1]]))
  })

  test('says so to the client, from the address of the gateway', async () => {
    const rig = await LayerRig.start(accessPolicy(subnets))
    rig.up(ipv4({ source: '10.7.0.2', destination: '169.254.169.254' }, ping))
    expect(outputs(rig)).toEqual(['down ICMP 10.7.0.1 > 10.7.0.2 3/13'])
  })

  test('answers on their way to a client pass', async () => {
    const rig = await LayerRig.start(accessPolicy(subnets))
    rig.down(ipv4({ source: '203.0.113.9', destination: '10.7.0.2' }, icmpEcho({ type: 'reply', identifier: 7 })))
    expect(outputs(rig)).toEqual(['down ICMP 203.0.113.9 > 10.7.0.2 echo reply 7'])
  })
})

test('noIpv6 refuses IPv6 with an answer, and lets IPv4 pass', async () => {
  const rig = await LayerRig.start(noIpv6(subnets))
  rig.up(
    ipv6({ source: 'fd12:3456:789a::2', destination: '2001:db8::1' }, ping),
    ipv4({ source: '10.7.0.2', destination: '203.0.113.9' }, ping),
  )
  expect(outputs(rig)).toEqual([
    'up ICMP 10.7.0.2 > 203.0.113.9 echo request 7',
    'down ICMPv6 fd12:3456:789a::1 > fd12:3456:789a::2 1/1',
  ])
  expect(rig.drops).toEqual(new Map([['ipv6', 1]]))
})
