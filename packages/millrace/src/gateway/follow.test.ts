import { rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newPeer } from '../state/peers.ts'
import type { PeerRecord } from '../state/state.ts'
import { StateStore } from '../state/store.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { RecordingLogger } from '../testing/recording-logger.ts'
import { RecordingPeers } from '../testing/recording-peers.ts'
import { makeState } from '../testing/state.ts'
import { PeerFollower } from './follow.ts'

let directory: ReturnType<typeof temporaryDirectory>
let store: StateStore
let peers: RecordingPeers
let pinned: PeerRecord[]
let logger: RecordingLogger
let follower: PeerFollower
beforeEach(() => {
  directory = temporaryDirectory()
  store = new StateStore(directory.path)
  peers = new RecordingPeers()
  pinned = []
  logger = new RecordingLogger()
})
afterEach(() => {
  follower.close()
  directory.remove()
})

function follow(state: ReturnType<typeof makeState>): void {
  follower = new PeerFollower(store, { control: peers, pin: (all) => pinned.push(...all) }, state.peers, logger)
}

test('a change of the file reaches the peers by itself', async () => {
  const state = makeState({}, ['one'])
  store.save(state)
  follow(state)
  expect(peers.calls).toEqual([])
  const changed = await store.update((latest) => ({ ...latest, peers: [newPeer(latest, 'two')] }))
  const expected = [`remove ${state.peers[0]!.publicKey}`, `add ${changed.peers[0]!.publicKey}`]
  await vi.waitFor(() => expect(peers.calls).toEqual(expected), { timeout: 5000, interval: 10 })
  expect(logger.lines).toEqual(['info peers changed'])
})

test('egress addresses are pinned before the peers are there that they belong to', () => {
  const state = makeState({}, [])
  store.save({ ...state, peers: [newPeer(state, 'one', '203.0.113.7')] })
  follow(state)
  expect(pinned).toMatchObject([{ name: 'one', egressIp: '203.0.113.7' }])
})

test('what changed before it began to follow counts too', () => {
  store.save(makeState({}, ['one', 'two']))
  follow({ ...store.require(), peers: store.require().peers.slice(0, 1) })
  expect(peers.calls).toEqual([`add ${store.require().peers[1]!.publicKey}`])
})

test('a broken or missing file is told of once, the peers stay, and a good one counts again', () => {
  const state = makeState({}, ['one'])
  store.save(state)
  follow(state)
  writeFileSync(store.file, '{')
  follower.read()
  follower.read()
  expect(logger.lines).toEqual([`error the peers stay as they are: ${store.file}: expected JSON`])
  rmSync(store.file)
  follower.read()
  expect(logger.lines).toHaveLength(2)
  expect(peers.calls).toEqual([])
  store.save({ ...state, peers: [] })
  follower.read()
  expect(peers.calls).toEqual([`remove ${state.peers[0]!.publicKey}`])
})
