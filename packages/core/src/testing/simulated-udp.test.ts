import { describe, expect, test } from 'vitest'
import { parseSocketAddress } from '../ip/address.ts'
import { bind, CLOCK, runtimeWith } from '../runtime/runtime.ts'
import type { RunningStack } from '../stack/running-stack.ts'
import { stack } from '../stack/stack.ts'
import { MachineClock } from './machine-clock.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedUdp } from './simulated-udp.ts'
import { VirtualClock } from './virtual-clock.ts'

const A = parseSocketAddress('192.0.2.1:1')
const B = parseSocketAddress('192.0.2.2:2')

async function listener(): Promise<{ wire: SimulatedUdp; read: number[]; running: RunningStack }> {
  const wire = new SimulatedNetwork().udp(`${B}`)
  const read: number[] = []
  const running = await stack(wire)
    .end({
      name: 'listener',
      connect: () => ({
        serve: (batch) => {
          for (const packet of batch) read.push(packet.bytes()[0] as number)
        },
      }),
    })
    .start()
  return { wire, read, running }
}

describe('a socket that nobody reads', () => {
  test('keeps as many datagrams as it is told to, and gives them in order when it is read again', async () => {
    const { wire, read, running } = await listener()
    wire.hold(2)
    for (const number of [1, 2, 3]) wire.deliver(Uint8Array.of(number), A)
    expect(read).toEqual([])
    wire.release()
    expect(read).toEqual([1, 2])
    wire.deliver(Uint8Array.of(4), A)
    expect(read).toEqual([1, 2, 4])
    wire.hold()
    wire.deliver(Uint8Array.of(5), A)
    wire.release()
    expect(read).toEqual([1, 2, 4])
    await running.stop()
  })

  test('loses what it keeps when it is closed', async () => {
    const { wire, read, running } = await listener()
    wire.hold(10)
    wire.deliver(Uint8Array.of(1), A)
    await running.stop()
    wire.release()
    expect(read).toEqual([])
  })
})

test("with a clock of its own, the network carries on while the sender's stands still", async () => {
  const world = new VirtualClock()
  const laptop = new MachineClock(world)
  const arrived = async (network: SimulatedNetwork): Promise<number> => {
    const arrivals: number[] = []
    const wire = network.udp(`${B}`)
    const running = await stack(wire, { runtime: runtimeWith(bind(CLOCK, world)) })
      .end({ name: 'counter', connect: () => ({ serve: (batch) => void arrivals.push(batch.length) }) })
      .start()
    network.send(laptop, { from: A, to: B, bytes: Uint8Array.of(1) })
    laptop.suspend()
    world.advance(1000)
    laptop.resume()
    await running.stop()
    return arrivals.length
  }
  expect(await arrived(new SimulatedNetwork({ delay: 10, clock: world }))).toBe(1)
  expect(await arrived(new SimulatedNetwork({ delay: 10 }))).toBe(0)
})
