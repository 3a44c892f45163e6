import { parseSocketAddress, type Random } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { DeviceRig, WIRE } from '../../../../test/support/device-rig.ts'
import { SECOND } from '../../../../test/support/tunnel.ts'
import { TRANSCRIPT } from '../../../../test/support/wireguard-go-transcript.ts'
import { nobleCrypto } from '../crypto/noble.ts'
import { nodeCrypto } from '../crypto/node.ts'
import { parsePeer } from '../options.ts'
import type { PeerState } from './peer.ts'
import { CONSUMED, PASS } from './verdict.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const base64 = (text: string): string => hex(text).toString('base64')

/** Gives the ephemeral keys that another implementation drew, each with the index it drew for it; no jitter. */
class Drawn implements Random {
  readonly #draws: (readonly [ephemeral: string, index: number])[]
  #index = 0

  constructor(...draws: (readonly [string, number])[]) {
    this.#draws = draws
  }

  fill(target: Uint8Array): void {
    const [ephemeral, index] = this.#draws.shift() ?? ['', 0]
    target.set(hex(ephemeral))
    this.#index = index
  }

  uint32(): number {
    const index = this.#index
    this.#index = 0
    return index
  }
}

describe.each([nobleCrypto, nodeCrypto])('the transcript of wireguard-go, byte for byte, with $name', (crypto) => {
  const { initiatorPrivate, initiatorPublic, responderPrivate, responderPublic, psk, wall } = TRANSCRIPT
  const peer = { presharedKey: base64(psk), allowedIps: [], endpoint: `${WIRE}` }
  const inner = hex(TRANSCRIPT.inner)
  const padded = `${TRANSCRIPT.inner}00000000`

  test('as initiator: initiation, keepalive, data, and an initiation with a cookie', () => {
    const { initiatorEphemeral, secondEphemeral, initiatorIndex, secondIndex, highCounter } = TRANSCRIPT
    const random = new Drawn([initiatorEphemeral, initiatorIndex], [secondEphemeral, secondIndex])
    const rig = new DeviceRig({ privateKey: base64(initiatorPrivate), crypto, random })
    rig.device.addPeer(parsePeer({ ...peer, publicKey: base64(responderPublic) }))
    const state = rig.device.peers.get(base64(responderPublic)) as PeerState
    rig.device.at(0, wall)
    expect(rig.send(state, inner)).toBe(CONSUMED)
    expect(rig.take()).toEqual([TRANSCRIPT.initiation])
    // wireguard-go had nothing to send but a keepalive.
    for (const packet of state.staged.splice(0)) packet.release()
    expect(rig.receive(hex(TRANSCRIPT.response))).toMatchObject({ verdict: CONSUMED })
    expect(rig.take()).toEqual([TRANSCRIPT.initiatorKeepalive])
    expect(rig.send(state, inner)).toBe(PASS)
    const [sendCounterHigh, sendCounterLow] = highCounter
    Object.assign(state.keypairs.current ?? {}, { sendCounterHigh, sendCounterLow })
    // So far up that it asks for a new session, which the last handshake is too near for.
    expect(rig.send(state, inner)).toBe(PASS)
    expect(rig.take()).toEqual([TRANSCRIPT.initiatorData, TRANSCRIPT.initiatorDataHighCounter])
    expect(rig.receive(hex(TRANSCRIPT.responderData))).toEqual({ verdict: PASS, content: padded })
    // From anywhere: it proves nothing about where the peer is.
    expect(rig.receive(hex(TRANSCRIPT.cookieReply), parseSocketAddress('198.51.100.9:9')).verdict).toBe(CONSUMED)
    expect(`${state.endpoint}`).toBe(`${WIRE}`)
    rig.device.at(6 * SECOND, wall)
    rig.send(state, inner)
    expect(rig.take()[0]).toBe(TRANSCRIPT.initiationWithCookie)
  })

  test('as responder: response and data', () => {
    const random = new Drawn([TRANSCRIPT.responderEphemeral, TRANSCRIPT.responderIndex])
    const rig = new DeviceRig({ privateKey: base64(responderPrivate), crypto, random })
    rig.device.addPeer(parsePeer({ ...peer, publicKey: base64(initiatorPublic) }))
    const state = rig.device.peers.get(base64(initiatorPublic)) as PeerState
    rig.device.at(0, 0)
    expect(rig.receive(hex(TRANSCRIPT.initiation)).verdict).toBe(CONSUMED)
    expect(Buffer.from(state.latestTimestamp).toString('hex')).toBe(TRANSCRIPT.timestamp)
    expect(rig.take()).toEqual([TRANSCRIPT.response])
    expect(rig.receive(hex(TRANSCRIPT.initiatorKeepalive)).verdict).toBe(CONSUMED)
    expect(rig.receive(hex(TRANSCRIPT.initiatorData))).toEqual({ verdict: PASS, content: padded })
    expect(rig.receive(hex(TRANSCRIPT.initiatorDataHighCounter))).toEqual({ verdict: PASS, content: padded })
    expect(rig.send(state, inner)).toBe(PASS)
    expect(rig.take()).toEqual([TRANSCRIPT.responderData])
  })
})
