import { ConfigurationError } from '@millrace/core'
import {
  decodePacket,
  describeBytes,
  icmpError,
  ipv6,
  LayerRig,
  packetFromText,
  payload,
  runScript,
  udpSegment,
} from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parses } from '../test-support/parses.ts'
import { type Nptv6Options, nptv6 } from './nptv6.ts'

const prefixes = { inside: 'fd01:203:405::/48', outside: '2001:db8:1::/48' }
const start = (options: Partial<Nptv6Options> = {}): Promise<LayerRig> =>
  LayerRig.start(nptv6({ ...prefixes, ...options }))

const host = 'fd01:203:405:1::1234'
const twin = '2001:db8:1:d550::1234'
const remote = '2001:db8:9::7'

describe('nptv6', () => {
  test('each inside address has an outside one, in both directions and for all protocols, and nobody has to begin', async () => {
    runScript(
      await start(),
      `
      up   UDP [${host}]:5000 > [${remote}]:53          => up UDP [${twin}]:5000 > [${remote}]:53
      down TCP [${remote}]:9 > [${twin}]:22 SYN         => down TCP [${remote}]:9 > [${host}]:22 SYN
      down ICMPv6 ${remote} > ${twin} echo request 7    => down ICMPv6 ${remote} > ${host} echo request 7
      up   ICMPv6 ${host} > ${remote} echo reply 7      => up ICMPv6 ${twin} > ${remote} echo reply 7`,
    )
  })

  test('what has another prefix passes as it is, and a false one goes no further', async () => {
    runScript(
      await start(),
      `
      up   UDP 10.0.0.2:5000 > 198.51.100.7:53          => up UDP 10.0.0.2:5000 > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 10.0.0.2:5000          => down UDP 198.51.100.7:53 > 10.0.0.2:5000
      up   UDP [fd02::2]:5000 > [${remote}]:53          => up UDP [fd02::2]:5000 > [${remote}]:53
      down UDP [${remote}]:53 > [fd02::2]:5000          => down UDP [${remote}]:53 > [fd02::2]:5000
      up   UDP [${twin}]:5000 > [${remote}]:53          => drop source-is-nat-address
      down UDP [${host}]:5000 > [${twin}]:53            => drop source-is-inside-address
      up   UDP [${host}]:5000 > [ff02::1]:53            => drop martian-destination`,
    )
  })

  test('errors reach whom they are about, with what that one had sent', async () => {
    runScript(
      await start(),
      `
      down ICMPv6 2001:db8:5::1 > ${twin} 3/0 about UDP [${twin}]:5000 > [${remote}]:53 => down ICMPv6 2001:db8:5::1 > ${host} 3/0 about UDP [${host}]:5000 > [${remote}]:53
      up   ICMPv6 ${host} > ${remote} 1/4 about UDP [${remote}]:53 > [${host}]:5000 => up ICMPv6 ${twin} > ${remote} 1/4 about UDP [${remote}]:53 > [${twin}]:5000`,
    )
  })

  test('hairpinning: by the outside address and with an outside source, errors too (RFC 6296 §2.6)', async () => {
    const peer = 'fd01:203:405:2::5'
    const peerTwin = '2001:db8:1:d551::5'
    runScript(
      await start(),
      `
      up UDP [${host}]:5000 > [${peerTwin}]:53 => down UDP [${twin}]:5000 > [${peer}]:53
      up ICMPv6 ${peer} > ${twin} 1/4 about UDP [${twin}]:5000 > [${peer}]:53 => down ICMPv6 ${peerTwin} > ${host} 1/4 about UDP [${host}]:5000 > [${peerTwin}]:53`,
    )
    runScript(
      await start({ hairpin: false, gatewayAddress: 'fd01:203:405::1' }),
      `up UDP [${host}]:5000 > [${peerTwin}]:53 => drop hairpin-refused + down ICMPv6 fd01:203:405::1 > ${host} 1/1 about UDP [${host}]:5000 > [${peerTwin}]:53`,
    )
  })

  test('an address that has no other is answered (RFC 6296 §3.4)', async () => {
    const rig = await start()
    runScript(
      rig,
      `up UDP [fd01:203:405:ffff::1]:5000 > [${remote}]:53 => drop address-not-translated + down ICMPv6 ${remote} > fd01:203:405:ffff::1 1/3 about UDP [fd01:203:405:ffff::1]:5000 > [${remote}]:53`,
    )
  })

  test('it is a hop, and a tunnel that packets must fit into', async () => {
    const rig = await start({ mtu: 1280, gatewayAddress: 'fd01:203:405::1' })
    const udp = (bytes: number): ReturnType<typeof udpSegment> =>
      udpSegment({ sourcePort: 53, destinationPort: 5000 }, new Uint8Array(bytes))
    rig.up(ipv6({ source: host, destination: remote, hopLimit: 2 }, udp(1)))
    expect(decodePacket(rig.take()[0]!.bytes).ttl).toBe(1)
    rig.up(ipv6({ source: host, destination: remote, hopLimit: 1 }, udp(1)))
    expect(describeBytes(rig.take()[0]!.bytes)).toMatch(`ICMPv6 fd01:203:405::1 > ${host} 3/0 about UDP [${host}]:53`)
    rig.down(ipv6({ source: remote, destination: twin, hopLimit: 1 }, udp(1)))
    expect(describeBytes(rig.take()[0]!.bytes)).toMatch(`ICMPv6 ${twin} > ${remote} 3/0 about`)
    rig.down(ipv6({ source: remote, destination: twin }, udp(1280 - 48)))
    expect(rig.take().map(({ direction }) => direction)).toEqual(['down'])
    rig.down(ipv6({ source: remote, destination: twin }, udp(1281 - 48)))
    const answer = decodePacket(rig.take()[0]!.bytes)
    expect([answer.type, answer.rest, answer.destination]).toEqual([2, 1280, remote])
    const unseen = await start({ decrementHopLimit: false })
    unseen.up(ipv6({ source: host, destination: remote, hopLimit: 1 }, udp(1)))
    expect(decodePacket(unseen.take()[0]!.bytes).ttl).toBe(1)
  })

  test('a quote that is cut short before its addresses goes no further', async () => {
    const rig = await start()
    const error = icmpError({ type: 1, code: 0 }, packetFromText(`UDP [${twin}]:1 > [${remote}]:2`).subarray(0, 39))
    rig.down(ipv6({ source: remote, destination: twin }, error))
    rig.up(ipv6({ source: host, destination: remote }, icmpError({ type: 1, code: 0 }, new Uint8Array(40))))
    expect(Object.fromEntries(rig.drops)).toEqual({ 'icmp-error-truncated': 1, 'icmp-error-invalid': 1 })
  })

  test('whatever the bytes behind the header, nothing throws, and only addresses and hop limit change', async () => {
    const rig = await start({})
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(255), (data, protocol) => {
        fc.pre(![0, 43, 44, 51, 58, 60, 135].includes(protocol))
        rig.up(ipv6({ source: host, destination: remote }, payload(protocol, data)))
        const { bytes } = rig.take()[0]!
        expect(Array.from(bytes.subarray(40))).toEqual(Array.from(data))
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0, 43, 44, 51, 58, 60, 135), (data, protocol) => {
        for (const source of [host, remote]) {
          const up = ipv6({ source, destination: remote }, payload(protocol, data))
          const down = ipv6({ source, destination: twin }, payload(protocol, data))
          if (parses(up)) rig.up(up)
          if (parses(down)) rig.down(down)
        }
        rig.take()
      }),
    )
    expect(rig.pool.inUse).toBe(0)
  })

  test.each([
    [{ inside: '10.0.0.0/8' }, 'nptv6 inside: expected an IPv6 prefix of length 1 to 112, got "10.0.0.0/8"'],
    [{ outside: '2001:db8::/113' }, 'nptv6 outside: expected an IPv6 prefix of length 1 to 112'],
    [{ outside: prefixes.inside }, 'nptv6 outside: expected another prefix than inside'],
    [{ mtu: 1279 }, 'nptv6 mtu: expected a whole number from 1280'],
    [{ gatewayAddress: 'fe80::1' }, 'nptv6 gatewayAddress: expected the address of a host'],
  ])('%j is refused', (options, message) => {
    expect(() => nptv6({ ...prefixes, ...options })).toThrow(ConfigurationError)
    expect(() => nptv6({ ...prefixes, ...options })).toThrow(message)
  })
})
