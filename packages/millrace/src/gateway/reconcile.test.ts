import type { PeerOptions } from '@millrace/layer-wireguard'
import { describe, expect, test } from 'vitest'
import { RecordingPeers } from '../testing/recording-peers.ts'
import { makeState } from '../testing/state.ts'
import { peerOptions, reconcile } from './reconcile.ts'

function peer(publicKey: string, host = 2): PeerOptions {
  return { name: publicKey, publicKey, presharedKey: 'psk', allowedIps: [`10.7.0.${host}/32`] }
}

test('a stored client is known by its public key, and owns its two addresses', () => {
  const state = makeState({}, ['laptop'])
  const [laptop] = state.peers
  expect(peerOptions(laptop!)).toEqual({
    name: 'laptop',
    publicKey: laptop!.publicKey,
    presharedKey: laptop!.presharedKey,
    allowedIps: ['10.7.0.2/32', 'fd12:3456:789a::2/128'],
  })
})

describe('reconcile', () => {
  test.each<[string, PeerOptions[], PeerOptions[], string[]]>([
    ['nothing', [peer('a'), peer('b', 3)], [peer('b', 3), peer('a')], []],
    ['one more', [peer('a')], [peer('a'), peer('b', 3)], ['add b']],
    ['one less', [peer('a'), peer('b', 3)], [peer('b', 3)], ['remove a']],
    ['another address', [peer('a')], [peer('a', 9)], ['update a']],
    ['another name', [peer('a')], [{ ...peer('a'), name: 'new' }], ['update a']],
    [
      'an address that changes hands: the old holder goes first',
      [peer('a'), peer('b', 3)],
      [peer('c'), peer('b', 4)],
      ['remove a', 'update b', 'add c'],
    ],
  ])('%s', (_what, present, wanted, expected) => {
    const peers = new RecordingPeers()
    const result = reconcile(peers, present, wanted)
    expect(peers.calls).toEqual(expected)
    expect(result.added + result.changed + result.removed).toBe(expected.length)
  })
})
