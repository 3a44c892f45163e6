import { decodePacket, decodeQuoted } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('a SYN from outside', () => {
  test('is not answered before its owner says so, however often it comes', () => {
    const peer = new RawPeer({ accepts: false })
    peer.send('SYN', { seq: 0 })
    expect(peer.wait(1000).send('SYN', { seq: 0 })).toBe('tcp-syn-repeated')
    peer.wait(2000)
    expect([peer.lines(), peer.events, peer.state]).toEqual([[], ['incoming'], 'PENDING'])
    peer.host.tcp.accept(peer.handle)
    peer.host.pump()
    expect(peer.lines()).toEqual(['SYN ACK 0+0 ack 1'])
    peer.send('ACK')
    expect([peer.state, peer.events]).toEqual(['ESTABLISHED', ['incoming', 'established']])
  })

  test('says who wants to go where', () => {
    const peer = new RawPeer({ family: 6 })
    peer.send('SYN', { seq: 0 })
    expect(peer.host.tcp.endpoints(peer.handle)).toMatchObject({
      version: 6,
      localPort: 80,
      remotePort: 40_000,
      localAddress: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7),
      remoteAddress: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2),
    })
  })

  test('is refused by a RST that acknowledges it', () => {
    const peer = new RawPeer({ accepts: false })
    peer.send('SYN', { seq: 0 })
    peer.host.tcp.reject(peer.handle, 'refused')
    peer.host.pump()
    expect(peer.lines()).toEqual(['RST ACK 0+0 ack 1'])
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, halfOpen: 0 })
  })

  test.each([
    ['unreachable', 4, 3, 1],
    ['prohibited', 4, 3, 13],
    ['unreachable', 6, 1, 3],
    ['prohibited', 6, 1, 1],
  ] as const)('is answered as %s over IPv%i by an ICMP error that quotes it', (how, family, type, code) => {
    const peer = new RawPeer({ accepts: false, family })
    const syn = peer.make('SYN', { seq: 0 })
    peer.host.deliver(syn)
    peer.host.tcp.reject(peer.handle, how)
    peer.host.pump()
    const [error] = peer.takeBytes().map((bytes) => decodePacket(bytes))
    expect(error).toMatchObject({ type, code, source: decodePacket(syn).destination })
    const quoted = error?.quoted as Uint8Array
    const { source, destination, sourcePort, destinationPort } = decodePacket(syn)
    expect(decodeQuoted(quoted)).toMatchObject({ source, destination, sourcePort, destinationPort, flags: 'SYN' })
    const at = (family === 4 ? 20 : 40) + 4
    expect(quoted.subarray(at, at + 4)).toEqual(syn.subarray(at, at + 4))
    expect(peer.host.leaked).toBe(0)
  })

  test('goes unanswered when the time for it is over', () => {
    const peer = new RawPeer({ accepts: false, tcp: { acceptTimeout: 10_000 } })
    peer.send('SYN', { seq: 0 })
    peer.host.tcp.reject(peer.handle, 'timeout')
    peer.host.pump()
    peer.send('SYN', { seq: 0 })
    peer.wait(10_001)
    expect([peer.lines(), peer.events]).toEqual([[], ['incoming', 'incoming', 'closed timeout']])
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, halfOpen: 0 })
  })

  test('that is taken back by a RST ends the dialling', () => {
    const peer = new RawPeer({ accepts: false })
    peer.send('SYN', { seq: 0 })
    expect(peer.send('RST', { seq: 99 })).toBe('tcp-outside-window')
    peer.send('RST', { seq: 1 })
    expect(peer.events).toEqual(['incoming', 'closed reset'])
    peer.host.tcp.accept(peer.handle)
    peer.host.pump()
    expect(peer.lines()).toEqual([])
  })

  test('that carries data or a FIN: the data is not taken, the FIN makes it nonsense', () => {
    const peer = new RawPeer()
    peer.send('SYN', { seq: 0, data: 'early' })
    expect(peer.lines()).toEqual(['SYN ACK 0+0 ack 1'])
    peer.port++
    expect(peer.send('SYN FIN', { seq: 0 })).toBe('tcp-syn-and-fin')
  })

  test.each(['224.0.0.1', '255.255.255.255', '0.0.0.1', '10.0.0.2'])('to %s is nothing for TCP', (destination) => {
    const peer = new RawPeer()
    peer.port = 80
    expect(peer.send('SYN', { seq: 0, destination })).toBe('tcp-not-between-hosts')
    expect([peer.lines(), peer.events]).toEqual([[], []])
  })

  test.each(['ff02::1', '::', 'fd00::2'])('to %s is nothing for TCP either', (destination) => {
    const peer = new RawPeer({ family: 6 })
    peer.port = 80
    expect(peer.send('SYN', { seq: 0, destination })).toBe('tcp-not-between-hosts')
    expect([peer.lines(), peer.events]).toEqual([[], []])
  })
})

describe('half-open connections', () => {
  test('are bounded, and a place is free again as soon as one is over', () => {
    const peer = new RawPeer({ accepts: false, tcp: { halfOpen: 3 } })
    const results = [0, 1, 2, 3].map(() => {
      peer.port++
      return peer.send('SYN', { seq: 0 })
    })
    expect(results).toEqual([undefined, undefined, undefined, 'tcp-half-open-full'])
    peer.host.tcp.reject(peer.handle, 'refused')
    peer.host.pump()
    expect(peer.send('SYN', { seq: 0 })).toBe(undefined)
  })

  test('tcp_synrcvd_reset: a RST ends one, and what follows finds nothing', () => {
    const peer = new RawPeer()
    peer.send('SYN', { seq: 0 })
    peer.take()
    expect(peer.state).toBe('SYN-RECEIVED')
    expect(peer.send('RST', { seq: 1 })).toBe('tcp-reset')
    expect(peer.events).toEqual(['incoming', 'closed reset'])
    expect(peer.host.tcp.statistics).toMatchObject({ connections: 0, halfOpen: 0 })
    peer.send('ACK', { seq: 1 })
    expect(peer.lines()).toEqual(['RST 1+0 ack -1000000'])
  })

  test('an ACK of something else is answered by a RST and changes nothing', () => {
    const peer = new RawPeer()
    peer.send('SYN', { seq: 0 })
    peer.take()
    peer.send('ACK', { seq: 1, ack: 2 })
    expect([peer.lines(), peer.state]).toEqual([['RST 2+0 ack -1000000'], 'SYN-RECEIVED'])
  })

  test('data and FIN on the ACK that completes the handshake are taken', () => {
    const peer = new RawPeer()
    peer.send('SYN', { seq: 0 })
    peer.take()
    peer.send('PSH ACK FIN', { seq: 1, data: 'hello' })
    expect([peer.read(), peer.state, peer.host.tcp.ended(peer.handle)]).toEqual(['hello', 'CLOSE-WAIT', true])
    expect(peer.lines()).toEqual(['ACK 1+0 ack 7'])
  })
})
