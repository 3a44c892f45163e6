import { describe, expect, test } from 'vitest'
import { RawPeer } from '../test-support/raw-peer.ts'

describe('data that comes in', () => {
  test('is acknowledged with every second full segment, at once', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    const data = new Uint8Array(1000)
    // The first segments of a connection are acknowledged one by one, so that the other end may go on.
    for (let i = 0; i < 16; i++) peer.send('ACK', { seq: 1 + i * 1000, data })
    peer.take()
    peer.send('ACK', { seq: 16_001, data })
    expect(peer.lines()).toEqual([])
    peer.send('ACK', { seq: 17_001, data })
    expect(peer.lines()).toEqual(['ACK 1+0 ack 18001'])
    peer.send('ACK', { seq: 18_001, data })
    expect(peer.lines()).toEqual([])
    peer.wait(39)
    expect(peer.lines()).toEqual([])
    peer.wait(2)
    expect(peer.lines()).toEqual(['ACK 1+0 ack 19001'])
  })

  test('its ACK rides on data that goes back', () => {
    const peer = new RawPeer({ mss: 1000 }).establish()
    peer.send('PSH ACK', { seq: 1, data: 'question' })
    peer.take()
    peer.write('answer')
    expect(peer.lines()).toEqual(['PSH ACK 1+6 ack 9'])
    peer.wait(100)
    expect(peer.lines().filter((line) => line.startsWith('ACK'))).toEqual([])
  })

  test('six zero bytes are data, and padding behind the packet is not', () => {
    const peer = new RawPeer().establish()
    const packet = peer.make('PSH ACK', { seq: 1, data: new Uint8Array(6) })
    const padded = new Uint8Array(packet.length + 6).fill(7)
    padded.set(packet)
    peer.host.deliver(padded)
    expect(peer.read()).toBe('\0'.repeat(6))
  })

  test('tcp_reordering: out of order it is kept, told about by SACK, and read in order', () => {
    const peer = new RawPeer({ sack: true }).establish()
    peer.take()
    peer.send('ACK', { seq: 11, data: 'cc' })
    expect(peer.take()).toMatchObject([{ flags: 'ACK', ack: 1, blocks: [[11, 13]] }])
    peer.send('ACK', { seq: 6, data: 'bbb' })
    expect(peer.take()[0]?.blocks).toEqual([
      [6, 9],
      [11, 13],
    ])
    peer.send('ACK', { seq: 9, data: 'BB' })
    expect(peer.take()[0]?.blocks).toEqual([[6, 13]])
    expect(peer.read()).toBe('')
    peer.send('ACK', { seq: 1, data: 'aaaaa' })
    expect(peer.take()).toMatchObject([{ ack: 13, blocks: [] }])
    expect(peer.read()).toBe('aaaaabbbBBcc')
  })

  test('the latest block comes first, and four are the most', () => {
    const peer = new RawPeer({ sack: true }).establish()
    peer.take()
    for (const seq of [11, 21, 31, 41, 51, 12]) peer.send('ACK', { seq, data: 'x' })
    expect(peer.take().at(-1)?.blocks).toEqual([
      [11, 13],
      [51, 52],
      [41, 42],
      [31, 32],
    ])
  })

  test('three fit beside timestamps', () => {
    const peer = new RawPeer({ sack: true, timestamps: true }).establish()
    for (const seq of [11, 21, 31, 41]) peer.send('ACK', { seq, data: 'x' })
    expect(peer.take().at(-1)?.blocks.length).toBe(3)
  })

  test('without SACK each piece out of order is answered by a duplicate ACK, even in one batch', () => {
    const peer = new RawPeer().establish()
    peer.take()
    for (const seq of [11, 13, 15, 17]) peer.host.take(peer.make('ACK', { seq, data: 'xx' }))
    peer.host.pump()
    expect(peer.lines()).toEqual(Array(4).fill('ACK 1+0 ack 1'))
  })

  test('of bytes that come twice the first ones count', () => {
    const peer = new RawPeer().establish()
    peer.send('ACK', { seq: 5, data: 'EEEE' })
    peer.send('ACK', { seq: 3, data: 'xxxxxxxx' })
    peer.send('ACK', { seq: 1, data: 'aaaaaa' })
    expect(peer.read()).toBe('aaxxEEEExx')
  })

  test('a duplicate is acknowledged again at once', () => {
    const peer = new RawPeer().establish()
    peer.send('ACK', { seq: 1, data: 'hello' })
    peer.take()
    expect(peer.send('ACK', { seq: 1, data: 'hello' })).toBe('tcp-outside-window')
    expect(peer.lines()).toEqual(['ACK 1+0 ack 6'])
    peer.send('ACK', { seq: 4, data: 'lo you' })
    expect(peer.read()).toBe('hello you')
  })

  test('holes are bounded: what would make one too many is left behind, the stream is not harmed', () => {
    const peer = new RawPeer().establish()
    for (let i = 0; i < 128; i++) expect(peer.send('ACK', { seq: 11 + 2 * i, data: 'x' })).toBe(undefined)
    expect(peer.send('ACK', { seq: 11 + 256, data: 'x' })).toBe('tcp-no-room')
    expect(peer.send('ACK', { seq: 1, data: 'a'.repeat(300) })).toBe(undefined)
    expect(peer.read()).toBe('a'.repeat(10) + 'xa'.repeat(128) + 'a'.repeat(300 - 266))
  })

  test('urgent data is part of the stream', () => {
    const peer = new RawPeer().establish()
    peer.send('URG PSH ACK', { seq: 1, data: 'urgent' })
    expect(peer.read()).toBe('urgent')
  })

  test('may come as a super-packet, whose checksum means nothing', () => {
    const peer = new RawPeer().establish()
    peer.take()
    const packet = peer.make('PSH ACK', { seq: 1, data: 'x'.repeat(5000) })
    packet[36] = (packet[36] as number) ^ 0xff
    expect(peer.host.deliver(packet)).toBe('tcp-checksum')
    expect(peer.host.deliver(packet, 1000, 40)).toBe(undefined)
    expect([peer.lines(), peer.read()]).toEqual([['ACK 1+0 ack 5001'], 'x'.repeat(5000)])
  })

  test('can be looked at in place', () => {
    const peer = new RawPeer().establish()
    peer.send('ACK', { seq: 1, data: 'abcdef' })
    const { tcp } = peer.host
    expect(new TextDecoder().decode(tcp.peek(peer.handle))).toBe('abcdef')
    tcp.consume(peer.handle, 4)
    expect([tcp.readableBytes(peer.handle), peer.read()]).toEqual([2, 'ef'])
  })
})
