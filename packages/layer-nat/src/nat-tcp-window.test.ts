import { decodePacket, ipv4, LayerRig, tcpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import { CLIENT, Conversation, NAT, SERVER } from './test-support/conversation.ts'

const WINDOW_SCALE_7 = Uint8Array.of(3, 3, 7)

describe('what ends a connection is checked against its windows', () => {
  // The client waits for 5001 and has let the server send 1,000 bytes more.
  test.each([
    { sequence: 5001, lives: false, what: 'at the edge' },
    { sequence: 6001, lives: false, what: 'at the end of the window' },
    { sequence: 5000, lives: true, what: 'a byte before' },
    { sequence: 6002, lives: true, what: 'a byte behind' },
    { sequence: 5001 + 2 ** 31, lives: true, what: 'far away' },
    { sequence: 0, lives: true, what: 'at 0' },
  ])('a reset from the outside $what passes, and is believed: not $lives', async ({ sequence, lives }) => {
    const talk = (await Conversation.begin()).handshake()
    expect(talk.down('RST', sequence, 0)).toBe(true)
    expect(talk.livesFor(241)).toBe(lives)
  })

  test('a window is as large as both have agreed to scale it', async () => {
    for (const scaled of [true, false]) {
      const talk = (await Conversation.begin()).handshake(scaled ? WINDOW_SCALE_7 : new Uint8Array())
      talk.down('RST', 5001 + 1000 * 128, 0)
      expect(talk.livesFor(241)).toBe(!scaled)
      const oneSided = await Conversation.begin()
      oneSided.up('SYN', 1000, 0, { options: WINDOW_SCALE_7 })
      oneSided.handshake()
      oneSided.down('RST', 5001 + 1000 * 128, 0)
      expect(oneSided.livesFor(241)).toBe(true)
    }
  })

  test('the window moves with what the inside acknowledges, around the end of the numbers too', async () => {
    const talk = await Conversation.begin()
    talk.up('SYN', 1000, 0)
    talk.down('SYN ACK', 2 ** 32 - 100, 1001)
    talk.up('ACK', 1001, 2 ** 32 - 99, { window: 500 })
    talk.down('ACK', 2 ** 32 - 99, 1001, { data: 200 })
    talk.up('ACK', 1001, 101, { window: 500 })
    talk.down('RST', 2 ** 32 - 99, 0)
    expect(talk.livesFor(241)).toBe(true)
    talk.down('RST', 601, 0)
    expect(talk.livesFor(241)).toBe(false)
  })

  test('whoever forges the outside cannot move the window he is measured by', async () => {
    const talk = (await Conversation.begin()).handshake()
    for (let guess = 0; guess < 200; guess++) {
      talk.down('ACK', 100_000 + guess * 60_000, 3_000_000 + guess * 60_000, { data: 100 })
      talk.down('FIN ACK', 100_000 + guess * 60_000, 1001)
      talk.down('RST', 100_000 + guess * 60_000, 0)
      talk.down('SYN', 100_000 + guess * 60_000, 0)
    }
    expect(talk.livesFor(7000)).toBe(true)
  })

  test('a reset of the inside counts only if the outside would take it', async () => {
    const talk = (await Conversation.begin()).handshake()
    talk.up('RST', 99_999, 0)
    expect(talk.livesFor(241)).toBe(true)
    talk.up('RST', 1001, 0)
    expect(talk.livesFor(241)).toBe(false)
  })

  test('an end from the outside that is out of the window is no end', async () => {
    const talk = (await Conversation.begin()).handshake()
    talk.up('FIN ACK', 1001, 5001)
    talk.down('FIN ACK', 9999, 1002)
    expect(talk.livesFor(241)).toBe(true)
    talk.down('FIN ACK', 5001, 1002, { data: 10 })
    expect(talk.livesFor(241)).toBe(false)
  })

  test.each([
    { acknowledgment: 1001, opened: false },
    { acknowledgment: 1002, opened: true },
    { acknowledgment: 0, opened: true },
  ])('a refusal must acknowledge the SYN: $acknowledgment', async ({ acknowledgment, opened }) => {
    const layer = nat({ address: NAT, timeouts: { tcpReset: 1000 } })
    const rig = await LayerRig.start(layer)
    const syn = tcpSegment({ sourcePort: 1234, destinationPort: 80, flags: 'SYN', sequence: 1000 })
    rig.up(ipv4({ source: CLIENT, destination: SERVER }, syn))
    const destinationPort = decodePacket(rig.take()[0]!.bytes).sourcePort as number
    const refusal = tcpSegment({ sourcePort: 80, destinationPort, flags: 'RST ACK', sequence: 0, acknowledgment })
    rig.down(ipv4({ source: SERVER, destination: NAT }, refusal))
    rig.clock.advance(1000)
    expect(layer.statistics()?.sessions.tcpOpening).toBe(opened ? 1 : 0)
  })

  test('each phase has its own timeout', async () => {
    const timeouts = { tcpOpening: 10_000, tcpEstablished: 50_000, tcpClosing: 20_000, tcpReset: 30_000 }
    const opening = await Conversation.begin({ timeouts })
    opening.up('SYN', 1000, 0)
    expect(opening.livesFor(9)).toBe(true)
    expect(opening.livesFor(1)).toBe(false)
    const established = (await Conversation.begin({ timeouts })).handshake()
    expect(established.livesFor(49)).toBe(true)
    expect(established.livesFor(1)).toBe(false)
    const closing = (await Conversation.begin({ timeouts })).handshake()
    closing.up('FIN ACK', 1001, 5001)
    closing.down('FIN ACK', 5001, 1002)
    expect(closing.livesFor(19)).toBe(true)
    expect(closing.livesFor(1)).toBe(false)
    const reset = (await Conversation.begin({ timeouts })).handshake()
    reset.down('RST', 5001, 0)
    expect(reset.livesFor(29)).toBe(true)
    expect(reset.livesFor(1)).toBe(false)
  })

  test('a reset after the end does not shorten what is left: TIME-WAIT is safe from assassination (RFC 1337)', async () => {
    const talk = (await Conversation.begin()).handshake()
    talk.up('FIN ACK', 1001, 5001)
    talk.down('FIN ACK', 5001, 1002)
    talk.rig.clock.advance(200_000)
    talk.down('RST', 5001, 0)
    expect(talk.livesFor(200)).toBe(true)
  })

  test.each([
    { sequence: 1001, passes: true },
    { sequence: 2001, passes: true },
    { sequence: 1000, passes: true },
    { sequence: 999, passes: false },
    { sequence: 2002, passes: false },
    { sequence: 7_000_000, passes: false },
  ])('an error about data with sequence $sequence: $passes', async ({ sequence, passes }) => {
    const talk = (await Conversation.begin()).handshake()
    expect(talk.tooBig(sequence)).toBe(passes)
    expect(talk.rig.drops).toEqual(new Map(passes ? [] : [['icmp-error-out-of-window', 1]]))
  })
})

test('a connection begun outside is established by an acknowledgment that only who has received can know', async () => {
  for (const acknowledgment of [9000, 9001]) {
    const mapping = 'endpoint-independent'
    const layer = nat({ address: NAT, mapping, filtering: mapping })
    const rig = await LayerRig.start(layer)
    const client = { source: CLIENT, destination: SERVER }
    rig.up(ipv4(client, tcpSegment({ sourcePort: 1234, destinationPort: 9, flags: 'SYN' })))
    const destinationPort = decodePacket(rig.take()[0]!.bytes).sourcePort as number
    const fields = { sourcePort: 80, destinationPort }
    const server = { source: SERVER, destination: NAT }
    rig.down(ipv4(server, tcpSegment({ ...fields, flags: 'SYN', sequence: 5000 })))
    const answer = { sourcePort: 1234, destinationPort: 80, flags: 'SYN ACK', sequence: 9000, acknowledgment: 5001 }
    rig.up(ipv4(client, tcpSegment(answer)))
    rig.down(ipv4(server, tcpSegment({ ...fields, sequence: 5001, acknowledgment })))
    expect(rig.take().length).toBe(3)
    expect(layer.statistics()?.sessions).toMatchObject({ tcpEstablished: acknowledgment === 9001 ? 1 : 0 })
  }
})
