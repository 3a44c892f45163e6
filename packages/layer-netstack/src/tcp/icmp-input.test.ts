import { icmpError, ipv4, ipv6 } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { RawPeer, type RawPeerOptions } from '../test-support/raw-peer.ts'

const UNREACHABLE = { 4: { type: 3, code: 1 }, 6: { type: 1, code: 0 } }
const REFUSED = { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } }
const tooBig = {
  4: (mtu: number) => ({ type: 3, code: 4, rest: mtu }),
  6: (mtu: number) => ({ type: 2, code: 0, rest: mtu }),
}

function report(
  peer: RawPeer,
  family: 4 | 6,
  error: Parameters<typeof icmpError>[0],
  about: Uint8Array,
): string | undefined {
  const quoted = icmpError(error, about.subarray(0, 500))
  return peer.host.deliver(
    family === 4
      ? ipv4({ source: '192.0.2.1', destination: '198.51.100.7' }, quoted)
      : ipv6({ source: '2001:db8::1', destination: '2001:db8::7' }, quoted),
  )
}

function calling(family: 4 | 6): { peer: RawPeer; syn: Uint8Array } {
  const peer = new RawPeer({ family })
  peer.send('SYN', { seq: 0 })
  const ends = peer.host.tcp.endpoints(peer.handle)
  peer.host.tcp.abort(peer.handle)
  peer.host.pump()
  peer.takeBytes()
  if (ends === undefined) throw new Error('it was there a moment ago')
  peer.handle = peer.host.tcp.connect(ends, peer.clock.now())
  peer.host.pump()
  return { peer, syn: peer.takeBytes()[0] as Uint8Array }
}

describe.each([4, 6] as const)('an ICMP error over IPv%i', (family) => {
  test('that says that nobody is to be reached ends the opening of a connection', () => {
    const { peer, syn } = calling(family)
    expect(report(peer, family, UNREACHABLE[family], syn)).toBe(undefined)
    expect(peer.events.at(-1)).toBe('closed unreachable')
    const other = calling(family)
    report(other.peer, family, REFUSED[family], other.syn)
    expect(other.peer.events.at(-1)).toBe('closed refused')
  })

  test('does nothing to a connection that stands', () => {
    const peer = new RawPeer({ family }).establish()
    peer.take()
    peer.write('hello')
    const [segment] = peer.takeBytes()
    expect(report(peer, family, UNREACHABLE[family], segment as Uint8Array)).toBe('icmp-soft-error')
    expect(peer.state).toBe('ESTABLISHED')
  })

  test('about a packet too big makes the next ones fit, and sends what did not fit again', () => {
    const options: RawPeerOptions = { family, mss: 1440 }
    const peer = new RawPeer(options).establish()
    peer.takeBytes()
    peer.write(new Uint8Array(4000))
    const sent = peer.takeBytes()
    const [first] = sent
    expect(first?.length).toBe(1420)
    expect(report(peer, family, tooBig[family](1300), first as Uint8Array)).toBe(undefined)
    const again = peer.take()
    const headers = family === 4 ? 40 : 60
    const unfit = sent.map(({ length }) => length).filter((length) => length > 1300)
    const total = unfit.reduce((sum, length) => sum + length - headers, 0)
    expect(again.reduce((sum, { length }) => sum + length, 0)).toBe(total)
    const mss = 1300 - headers
    expect(Math.max(...again.map(({ length }) => length))).toBe(mss)
    expect(report(peer, family, tooBig[family](1400), first as Uint8Array)).toBe('icmp-nothing-new')
    expect(report(peer, family, tooBig[family](1), first as Uint8Array)).toBe(undefined)
    peer.take()
    peer.send('ACK', { seq: 1, ack: 4001 })
    peer.write(new Uint8Array(4000))
    const floor = family === 4 ? 576 - 40 : 1280 - 60
    expect(Math.max(...peer.take().map(({ length }) => length))).toBe(floor)
  })

  test('is not believed about what is not under way, or of another connection, or cut short', () => {
    const peer = new RawPeer({ family }).establish()
    peer.takeBytes()
    peer.write('hello')
    const [segment] = peer.takeBytes() as [Uint8Array]
    peer.send('ACK', { seq: 1, ack: 6 })
    const error = tooBig[family](1000)
    expect(report(peer, family, error, segment)).toBe('icmp-outside-window')
    const tcp = family === 4 ? 20 : 40
    const other = segment.slice()
    other[tcp] = 1
    expect(report(peer, family, error, other)).toBe('icmp-no-connection')
    expect(report(peer, family, error, segment.subarray(0, tcp + 7))).toBe('icmp-not-about-tcp')
    expect(report(peer, family, { type: 11, code: 0 }, segment)).toBe('icmp-type-not-used')
  })
})
