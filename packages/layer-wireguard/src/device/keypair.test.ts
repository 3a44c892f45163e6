import { describe, expect, test } from 'vitest'
import { SECOND, Tunnel } from '../../../../test/support/tunnel.ts'
import { SEAL_HEADROOM } from '../crypto/crypto.ts'

describe('the counter of a session', () => {
  test('goes on exactly past 2^32, and past 2^53', async () => {
    await using tunnel = await Tunnel.established()
    for (const high of [0, 0x20_0000]) {
      const keypair = tunnel.a.peer.keypairs.current
      Object.assign(keypair ?? {}, { sendCounterHigh: high, sendCounterLow: 0xffff_fffe })
      tunnel.a.send('one', 'two', 'three', 'four')
    }
    tunnel.advance(0)
    expect(tunnel.b.received.length).toBe(8)
    const counters = tunnel.sent
      .filter(({ kind }) => kind === 'data')
      .map(({ bytes }) => Buffer.from(bytes).readBigUInt64LE(8))
    const from = (first: bigint): bigint[] => [0n, 1n, 2n, 3n].map((i) => first + i)
    expect(counters).toEqual([...from(2n ** 32n - 2n), ...from(2n ** 53n + 2n ** 32n - 2n)])
  })

  test.each(['a', 'b'] as const)('at 2^60 whoever sends begins a new session: %s', async (end) => {
    await using tunnel = await Tunnel.established()
    const sender = tunnel[end]
    Object.assign(sender.peer.keypairs.current ?? {}, { sendCounterHigh: 0x0fff_ffff, sendCounterLow: 0xffff_fffe })
    tunnel.advanceTo(10 * SECOND)
    sender.send('one below')
    tunnel.advance(0)
    expect(tunnel.take()).toEqual([`10 ${end} data`])
    sender.send('reaches it')
    tunnel.advance(0)
    expect(tunnel.take().slice(0, 2)).toEqual([`10 ${end} initiation`, `10 ${end} data`])
    expect(sender.events.at(-1)).toMatch(/^10 session-rekeyed/)
  })

  test('never reaches 2^64 - 2^13 - 1: what comes then waits for a new session', async () => {
    await using tunnel = await Tunnel.established({ conditions: { delay: 10 } })
    tunnel.advanceTo(10 * SECOND)
    Object.assign(tunnel.a.peer.keypairs.current ?? {}, { sendCounterHigh: 0xffff_ffff, sendCounterLow: 0xffff_dffd })
    tunnel.a.send('one', 'two', 'three', 'four')
    tunnel.advance(SECOND)
    const data = tunnel.sent.filter(({ kind }) => kind === 'data')
    const limit = 2n ** 64n - 2n ** 13n - 1n
    expect(data.map(({ bytes }) => Buffer.from(bytes).readBigUInt64LE(8))).toEqual([limit - 2n, limit - 1n, 0n, 1n])
    expect(tunnel.b.received).toEqual(['one', 'two', 'three', 'four'])
    expect(tunnel.b.drops()).toEqual({})
  })

  test('is not believed from there on', async () => {
    await using tunnel = await Tunnel.established()
    const { sendKey, remoteIndex } = tunnel.a.peer.keypairs.current ?? {}
    const memory = Buffer.alloc(SEAL_HEADROOM + 16)
    sendKey?.seal(0xffff_ffff, 0xffff_dfff, memory, SEAL_HEADROOM, 0)
    const message = memory.subarray(SEAL_HEADROOM - 16)
    message.writeUInt32LE(4)
    message.writeUInt32LE(remoteIndex as number, 4)
    message.writeBigUInt64LE(2n ** 64n - 2n ** 13n - 1n, 8)
    tunnel.b.deliver(message)
    expect(tunnel.b.drops()).toEqual({ replayed: 1 })
  })
})
