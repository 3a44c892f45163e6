import { makeFallback, parseSocketAddress, systemRandom } from '@millrace/core'
import { expect, test } from 'vitest'
import { PUBLIC_B, SECOND, Tunnel, WIRE_A, WIRE_B } from '../../../../test/support/tunnel.ts'
import { CRYPTO } from '../crypto/crypto.ts'
import { decodeKey } from '../keys.ts'
import { CookieChecker } from '../proto/cookies.ts'

const JITTER = 334

/** A responder under load, which answers A's last initiation with a cookie; and whether its cookie is in another. */
function responder(tunnel: Tunnel) {
  const tools = { random: systemRandom, crypto: makeFallback(CRYPTO) }
  const checker = new CookieChecker(decodeKey(PUBLIC_B, 'key'), tools)
  const [a, b] = [parseSocketAddress(WIRE_A), parseSocketAddress(WIRE_B)]
  const last = (): Uint8Array => tunnel.last('a', 'initiation')
  return {
    answer: () => tunnel.a.wire.deliver(checker.reply(last(), a, tunnel.clock.now()), b),
    hasCookie: () => checker.verifyMac2(last(), a, tunnel.clock.now()),
  }
}

/** When A sent initiations, seconds. */
const initiations = (tunnel: Tunnel): number[] =>
  tunnel
    .take()
    .filter((line) => line.endsWith('a initiation'))
    .map((line) => Number.parseFloat(line))

test('an initiation is repeated with the cookie at once, give or take a third of a second', async () => {
  await using tunnel = await Tunnel.start()
  tunnel.loses = () => true
  const { answer, hasCookie } = responder(tunnel)
  tunnel.a.send('first')
  tunnel.advanceTo(SECOND)
  expect(initiations(tunnel)).toEqual([0])
  expect(hasCookie()).toBe(false)
  answer()
  tunnel.loses = () => false
  tunnel.advanceTo(SECOND + JITTER)
  const [repeated, ...more] = initiations(tunnel) as [number]
  expect(repeated).toBeGreaterThanOrEqual(1)
  expect(more).toEqual([])
  expect(hasCookie()).toBe(true)
  expect(tunnel.b.received).toEqual(['first'])
  tunnel.advanceTo(9 * SECOND)
  expect(initiations(tunnel)).toEqual([])
})

test('but once an attempt: a stream of cookies makes no stream of initiations', async () => {
  await using tunnel = await Tunnel.start()
  tunnel.loses = () => true
  const { answer } = responder(tunnel)
  tunnel.a.send('first')
  for (let now = 0; now < 5 * SECOND; now += 100) {
    tunnel.advanceTo(now)
    answer()
  }
  expect(initiations(tunnel)).toHaveLength(2)
  for (let now = 5 * SECOND; now < 10 * SECOND; now += 100) {
    tunnel.advanceTo(now)
    answer()
  }
  expect(initiations(tunnel)).toHaveLength(2)
})

test('a cookie for nothing that waits begins nothing', async () => {
  await using tunnel = await Tunnel.established()
  const { answer } = responder(tunnel)
  answer()
  tunnel.advanceTo(2 * SECOND)
  expect(initiations(tunnel)).toEqual([])
})
