import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAddress, newAddress, parseInterfaceAddress } from './address.ts'
import { changeLink, decodeLink, linkByName } from './link.ts'
import { addProxy, decodeProxy } from './neighbour.ts'
import { decodeRoute, deleteRoute, lookUpRoute, newRoute } from './route.ts'
import { Attributes, decodeMessages, encodeMessage, type Message, Writer } from './wire.ts'

/** Hex with spaces for eyes. Each line of the expectations is one field or attribute of the kernel's structures. */
function hex(...lines: string[]): string {
  return lines.join('').replaceAll(' ', '')
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** What the kernel would send for what we ask it to make: same family header, same attributes. */
function asMessage({ type, body }: { type: number; body: Uint8Array }): Message {
  return { type, flags: 0, sequence: 1, body }
}

test('a message begins with struct nlmsghdr', () => {
  expect(hexOf(encodeMessage(0x1234, 0x0305, 7, Uint8Array.of(0xaa, 0xbb)))).toBe(
    hex(
      '12000000', // nlmsg_len: 16 + 2, without padding
      '3412', // nlmsg_type
      '0503', // nlmsg_flags
      '07000000', // nlmsg_seq
      '00000000', // nlmsg_pid: the kernel's
      'aabb',
    ),
  )
})

describe('requests', () => {
  test('RTM_GETLINK by name: struct ifinfomsg, IFLA_IFNAME padded to 4', () => {
    const { type, flags, body } = linkByName('tun10')
    expect([type, flags]).toEqual([18, 0])
    expect(hexOf(body)).toBe(
      hex(
        '00 00 0000', // ifi_family, padding, ifi_type
        '00000000 00000000 00000000', // ifi_index, ifi_flags, ifi_change
        '0a00 0300 74756e3130 00', // rta_len 4 + 6, IFLA_IFNAME, "tun10" and NUL
        '0000', // padding, not counted in rta_len
      ),
    )
  })

  test('RTM_NEWLINK: up and MTU', () => {
    expect(hexOf(changeLink(5, { up: true, mtu: 1420 }).body)).toBe(
      hex(
        '00 00 0000 05000000',
        '01000000 01000000', // IFF_UP set, and IFF_UP is what changes
        '0800 0400 8c050000', // IFLA_MTU 1420 = 0x58c
      ),
    )
    expect(hexOf(changeLink(5, { up: false }).body)).toBe(hex('00 00 0000 05000000 00000000 01000000'))
  })

  test('RTM_NEWLINK: no IPv6 address generation, in nests with NLA_F_NESTED', () => {
    expect(hexOf(changeLink(5, { ipv6AddressGeneration: 'none' }).body)).toBe(
      hex(
        '00 00 0000 05000000 00000000 00000000',
        '1000 1a80', // IFLA_AF_SPEC (26) | 0x8000, 4 + 12
        '0c00 0a80', // AF_INET6 (10) | 0x8000, 4 + 8
        '0500 0800 01 000000', // IFLA_INET6_ADDR_GEN_MODE (8) = IN6_ADDR_GEN_MODE_NONE, one byte, padded
      ),
    )
  })

  test('RTM_NEWADDR: struct ifaddrmsg, local and own address', () => {
    const { type, flags, body } = newAddress(3, parseInterfaceAddress('10.0.0.1/24'))
    expect([type, flags]).toEqual([20, 0x600])
    expect(hexOf(body)).toBe(hex('02 18 00 00 03000000', '0800 0200 0a000001', '0800 0100 0a000001'))
  })

  test('RTM_NEWROUTE: struct rtmsg, large tables as an attribute', () => {
    expect(hexOf(newRoute('10.1.0.0/16', { index: 3 }).body)).toBe(
      hex(
        '02 10 00 00', // AF_INET, destination 16, source 0, TOS
        'fe 04 fd 01', // main, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST
        '00000000',
        '0800 0100 0a010000',
        '0800 0400 03000000',
      ),
    )
    const { type, body } = newRoute('::/0', { index: 3, gateway: 'fe80::1', table: 51_820, metric: 10 })
    expect(type).toBe(24)
    expect(hexOf(body)).toBe(
      hex(
        '0a 00 00 00  00 04 00 01  00000000', // RT_TABLE_UNSPEC, RT_SCOPE_UNIVERSE behind a gateway
        '1400 0100 00000000000000000000000000000000',
        '0800 0400 03000000',
        '1400 0500 fe800000000000000000000000000001',
        '0800 0600 0a000000',
        '0800 0f00 6cca0000', // 51820 = 0xca6c
      ),
    )
  })

  test('RTM_DELROUTE matches any protocol, scope and type', () => {
    const { type, body } = deleteRoute('10.1.0.0/16', { index: 3 })
    expect(type).toBe(25)
    expect(hexOf(body.subarray(0, 12))).toBe(hex('02 10 00 00 fe 00 ff 00 00000000'))
  })

  test('RTM_GETROUTE for one address', () => {
    const { type, flags, body } = lookUpRoute('192.0.2.1')
    expect([type, flags]).toEqual([26, 0])
    expect(hexOf(body)).toBe(hex('02 20 00 00 00 00 00 00 00000000', '0800 0100 c0000201'))
  })

  test('RTM_NEWNEIGH: struct ndmsg, NTF_PROXY', () => {
    const { type, flags, body } = addProxy({ index: 2, address: '203.0.113.7' })
    expect([type, flags]).toEqual([28, 0x600])
    expect(hexOf(body)).toBe(hex('02 00 0000 02000000 8000 08 00', '0800 0100 cb007107'))
  })

  test('text that is no address or prefix is refused before the kernel is asked', () => {
    expect(() => newRoute('10.0.0.0/33', { index: 1 })).toThrow('route: expected a prefix length from 0 to 32')
    expect(() => newRoute('10.0.0.0/8', { index: 1, gateway: 'fe80::1' })).toThrow('gateway: expected an IPv4 address')
    expect(() => addProxy({ index: 1, address: 'x' })).toThrow('proxy neighbour: expected an IPv4 or IPv6 address')
  })
})

describe('round trips', () => {
  const ipv4 = fc.ipV4()
  const metric = fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { nil: undefined })
  const index = fc.integer({ min: 1, max: 2 ** 31 - 1 })

  test('addresses', () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 0, max: 32 }), index, (address, prefixLength, index) => {
        const request = newAddress(index, parseInterfaceAddress(`${address}/${prefixLength}`))
        expect(decodeAddress(asMessage(request))).toEqual({ index, family: 4, address, prefixLength })
      }),
    )
  })

  test('routes', () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 1, max: 2 ** 32 - 1 }), metric, index, (gateway, table, metric, index) => {
        const target = { index, gateway, table, ...(metric === undefined ? {} : { metric }) }
        expect(decodeRoute(asMessage(newRoute('2001:db8::/32', { index, table })))).toEqual({
          family: 6,
          destination: '2001:db8::/32',
          index,
          table,
          local: false,
        })
        expect(decodeRoute(asMessage(newRoute('0.0.0.0/0', target)))).toEqual({
          family: 4,
          destination: '0.0.0.0/0',
          local: false,
          ...target,
        })
      }),
    )
  })

  test('proxy neighbours', () => {
    const neighbour = { index: 9, address: '2001:db8::7' }
    expect(decodeProxy(asMessage(addProxy(neighbour)))).toEqual(neighbour)
  })

  test('links', () => {
    const body = new Writer().u8(0, 0).u16(0xfffe).u32(4).u32(0x1043).u32(0).attribute(3, 'lo').attribute(4, 65_536)
    expect(decodeLink({ type: 16, flags: 2, sequence: 1, body: body.finish() })).toEqual({
      index: 4,
      name: 'lo',
      mtu: 65_536,
      up: true,
    })
  })
})

test('a next hop of the other family is shown (RTA_VIA)', () => {
  const via = new Writer().u16(10).bytes(Buffer.from('fe800000000000000000000000000001', 'hex')).finish()
  const body = new Writer().u8(2, 0, 0, 0, 254, 4, 0, 1).u32(0).attribute(18, via).finish()
  expect(decodeRoute({ type: 24, flags: 0, sequence: 1, body })?.gateway).toBe('fe80::1')
})

test('whatever bytes come, decoding ends, throws nothing and reads nothing outside of them', () => {
  const message = fc.record({
    type: fc.constantFrom(16, 20, 24, 28),
    flags: fc.nat(0xffff),
    sequence: fc.nat(),
    body: fc.uint8Array({ maxLength: 200 }),
  })
  fc.assert(
    fc.property(message, fc.uint8Array({ maxLength: 300 }), (message, bytes) => {
      for (const decode of [decodeLink, decodeAddress, decodeRoute, decodeProxy]) decode(message)
      const total = decodeMessages(bytes).reduce((sum, { body }) => sum + 16 + body.length, 0)
      expect(total).toBeLessThanOrEqual(bytes.length)
      new Attributes(bytes).text(bytes[2] ?? 0)
    }),
    { numRuns: 5000 },
  )
})

test('a message or attribute that claims no length does not hold the decoder up', () => {
  expect(decodeMessages(new Uint8Array(64))).toEqual([])
  expect(new Attributes(new Uint8Array(64)).bytes(0)).toBeUndefined()
})
