import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '../crypto/node.ts'
import { Keypair } from './keypair.ts'
import { Keypairs } from './keypairs.ts'

const names = new Map<Keypair, string>()

/** A key pair that we have begun, or answered. */
function keypair(name: string, isInitiator: boolean): Keypair {
  const keys = { send: new Uint8Array(32), receive: new Uint8Array(32) }
  const made = new Keypair(nodeCrypto, keys, names.size, 0, isInitiator, 0)
  names.set(made, name)
  return made
}

const nameOf = (one: Keypair | undefined): string => (one === undefined ? '-' : (names.get(one) ?? '?'))

// What is added in turn, `!` for a first message with it: then previous, current and next, and what fell out.
describe('the key pairs of a peer (kernel noise.c, add_new_keypair and received_with_keypair)', () => {
  test.each<[string, string, string, string]>([
    ['one that we began', 'initiated A', 'previous - current A next -', ''],
    ['one that we answered', 'answered A', 'previous - current - next A', ''],
    ['one that we answered, confirmed', 'answered A, message A', 'previous - current A next -', ''],
    ['two that we began', 'initiated A, initiated B', 'previous A current B next -', ''],
    ['three that we began', 'initiated A, initiated B, initiated C', 'previous B current C next -', 'A'],
    ['answered over a session', 'initiated A, answered B', 'previous - current A next B', ''],
    ['answered over two', 'initiated A, initiated B, answered C', 'previous - current B next C', 'A'],
    ['answered twice, neither confirmed', 'initiated A, answered B, answered C', 'previous - current A next C', 'B'],
    ['confirmed over a session', 'initiated A, answered B, message B', 'previous A current B next -', ''],
    [
      'begun while one waits to be confirmed',
      'initiated A, answered B, initiated C',
      'previous B current C next -',
      'A',
    ],
    ['a message with the current one', 'initiated A, message A', 'previous - current A next -', ''],
    ['a message with the previous one', 'initiated A, initiated B, message A', 'previous A current B next -', ''],
    ['all forgotten', 'initiated A, initiated B, clear', 'previous - current - next -', 'A B'],
    ['all forgotten, one waiting', 'initiated A, answered B, clear', 'previous - current - next -', 'A B'],
  ])('%s', (_what, steps, state, discarded) => {
    const fallen: string[] = []
    const keypairs = new Keypairs((one) => fallen.push(nameOf(one)))
    const made = new Map<string, Keypair>()
    for (const step of steps.split(', ')) {
      const [what, name = ''] = step.split(' ')
      if (what === 'clear') keypairs.clear()
      else if (what === 'message') keypairs.receivedWith(made.get(name) as Keypair)
      else {
        made.set(name, keypair(name, what === 'initiated'))
        keypairs.add(made.get(name) as Keypair)
      }
    }
    const { previous, current, next } = keypairs
    expect(`previous ${nameOf(previous)} current ${nameOf(current)} next ${nameOf(next)}`).toBe(state)
    expect(fallen.join(' ')).toBe(discarded)
  })

  test('only the first message with the next one confirms it', () => {
    const keypairs = new Keypairs(() => {})
    const answered = keypair('A', false)
    keypairs.add(answered)
    expect([keypairs.receivedWith(answered), keypairs.receivedWith(answered)]).toEqual([true, false])
  })
})

test('the keys that a key pair is made of are wiped once it has its own copy', () => {
  const keys = { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) }
  new Keypair(nodeCrypto, keys, 1, 2, true, 0)
  expect([keys.send, keys.receive]).toEqual([new Uint8Array(32), new Uint8Array(32)])
})
