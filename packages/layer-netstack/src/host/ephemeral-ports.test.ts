import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { EphemeralPorts } from './ephemeral-ports.ts'

const LOCAL = Uint8Array.of(10, 0, 0, 1)
const REMOTE = Uint8Array.of(10, 0, 0, 2)

const next = (ports: EphemeralPorts, remote: Uint8Array = REMOTE, port = 80): number | undefined =>
  ports.forConnection(LOCAL, remote, port, (candidate) => candidate)

describe('ports for connections', () => {
  test('to one destination follow one another and none comes twice', () => {
    const ports = new EphemeralPorts(new SeededRandom(1))
    const drawn = Array.from({ length: 1000 }, () => next(ports)!)
    expect(new Set(drawn).size).toBe(1000)
    expect(drawn.every((port) => port >= 10_000 && port <= 65_535)).toBe(true)
    const steps = new Set(drawn.slice(1).map((port, i) => (port - drawn[i]! + 55_536) % 55_536))
    expect([...steps]).toEqual([1])
  })

  test('begin elsewhere for each destination and each host', () => {
    const first = new Set<number | undefined>()
    for (let seed = 1; seed <= 20; seed++) {
      const ports = new EphemeralPorts(new SeededRandom(seed))
      first
        .add(next(ports))
        .add(next(ports, REMOTE, 443))
        .add(next(ports, Uint8Array.of(10, 0, 0, 3)))
    }
    expect(first.size).toBeGreaterThan(55)
  })

  test('are passed over while somebody has them, and given up when it is too many', () => {
    const ports = new EphemeralPorts(new SeededRandom(1))
    const first = next(ports)!
    let tries = 0
    expect(ports.forConnection(LOCAL, REMOTE, 80, (port) => (++tries > 3 ? port : undefined))).toBe(
      10_000 + ((first - 10_000 + 4) % 55_536),
    )
    tries = 0
    expect(ports.forConnection(LOCAL, REMOTE, 80, () => void tries++)).toBeUndefined()
    expect(tries).toBe(4096)
  })
})

test('a port drawn at random is one that is free, as long as there is one', () => {
  const ports = new EphemeralPorts(new SeededRandom(1))
  expect(ports.drawn((port) => port === 12_345)).toBe(12_345)
  expect(ports.drawn(() => false)).toBeUndefined()
  const drawn = new Set(Array.from({ length: 100 }, () => ports.drawn(() => true)))
  expect(drawn.size).toBeGreaterThan(95)
})
