import { decodeKey, publicKeyOf } from '@millrace/layer-wireguard'
import { describe, expect, test } from 'vitest'
import { makeState } from '../testing/state.ts'
import { findPeer, newPeer } from './peers.ts'

describe('newPeer', () => {
  test('takes the lowest free host number, the same in both families, and new keys', () => {
    const state = makeState({}, ['one', 'two', 'three'])
    expect(state.peers.map(({ address, address6 }) => [address, address6])).toEqual([
      ['10.7.0.2', 'fd12:3456:789a::2'],
      ['10.7.0.3', 'fd12:3456:789a::3'],
      ['10.7.0.4', 'fd12:3456:789a::4'],
    ])
    const without = { ...state, peers: state.peers.filter(({ name }) => name !== 'two') }
    const peer = newPeer(without, 'four')
    expect(peer.address).toBe('10.7.0.3')
    expect(peer.publicKey).toBe(publicKeyOf(peer.privateKey))
    expect(decodeKey(peer.presharedKey, 'key')).toHaveLength(32)
    expect(new Set([...state.peers, peer].flatMap((p) => [p.privateKey, p.presharedKey])).size).toBe(8)
  })

  test('says when the subnet is full', () => {
    const state = makeState({ subnet: '10.7.0.0/30' }, ['one'])
    expect(() => newPeer(state, 'two')).toThrow('the subnet 10.7.0.0/30 is full: remove a client first')
  })

  test('says when the name is taken', () => {
    expect(() => newPeer(makeState({}, ['one']), 'one')).toThrow('there is a peer named one already')
  })

  test.each(['', 'a b', 'a\nb', 'x'.repeat(33), 'ü', '../x', '#x', 'a]'])('refuses the name %j', (name) => {
    expect(() => newPeer(makeState({}, []), name)).toThrow(/^peer name: expected 1 to 32 letters/)
  })

  test.each(['a', 'my.laptop_2-b', 'x'.repeat(32)])('takes the name %j', (name) => {
    expect(newPeer(makeState({}, []), name).name).toBe(name)
  })
})

test('findPeer names what it did not find', () => {
  expect(() => findPeer(makeState(), 'nobody')).toThrow('there is no peer named "nobody"')
})
