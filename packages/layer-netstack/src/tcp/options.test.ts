import { ConfigurationError, PacketPool } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { TcpOptions } from './options.ts'
import { Tcp } from './tcp.ts'

const pool = new PacketPool({ slots: 1, jumboSlots: 0 })
const surroundings = {
  outbox: { acquire: () => undefined, push() {} },
  sums: pool.sums,
  random: new SeededRandom(1),
  now: 0,
}

describe('options of TCP', () => {
  test('may all be left out', () => {
    expect(new Tcp({}, surroundings).statistics).toMatchObject({ connections: 0, memory: 0 })
  })

  test.each([
    { connections: 0 },
    { halfOpen: 1.5 },
    { sendBuffer: 100 },
    { receiveBuffer: 2 ** 31 },
    { memory: Number.NaN },
    { memory: 2 ** 31 + 1 },
    { mtu: 575 },
    { keepaliveProbes: 0 },
    { userTimeout: -1 },
    { timeWait: Number.POSITIVE_INFINITY },
    { superPackets: 1 as unknown as boolean },
  ] satisfies TcpOptions[])('%o is refused in a line that names it', (options) => {
    const [name] = Object.keys(options)
    expect(() => new Tcp(options, surroundings)).toThrow(ConfigurationError)
    expect(() => new Tcp(options, surroundings)).toThrow(new RegExp(`^tcp ${name}: expected `))
  })
})
