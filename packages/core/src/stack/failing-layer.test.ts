import { expect, test } from 'vitest'
import type { Endpoint, Layer, Service } from '../contract/index.ts'
import { tap } from '../layers/lift.ts'
import { Burst } from '../packet/burst.ts'
import type { IpPacket } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import { type Logger, silentLogger } from '../runtime/logger.ts'
import { bind, LOGGER, runtimeWith } from '../runtime/runtime.ts'
import { MemoryHost } from '../testing/memory-host.ts'
import { ipv4, pooledPacket, udpSegment } from '../testing/packets.ts'
import { stack } from './stack.ts'

const bytes = ipv4(
  { source: '10.0.0.2', destination: '198.51.100.7' },
  udpSegment({ sourcePort: 5000, destinationPort: 53 }),
)

function rig(layer: Layer<IpPacket>) {
  const errors: object[] = []
  const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) }
  let received = 0
  const wire = new MemoryHost({ name: 'wire' })
  const host = new MemoryHost({ name: 'host', receive: () => void received++ })
  const gateway = stack(wire, { runtime: runtimeWith(bind(LOGGER, logger)) })
    .layer(layer)
    .end(host)
  return { errors, wire, gateway, received: () => received }
}

test('what a layer throws becomes a counted drop, and the stack goes on', async () => {
  let broken = true
  const { wire, gateway, received, errors } = rig(
    tap(
      () => {
        if (broken) throw new Error('boom')
      },
      { name: 'fragile' },
    ),
  )
  await using running = await gateway.start()
  wire.send(bytes, bytes)
  expect(running.drops()).toEqual([{ line: 'fragile', reason: 'layer-threw', packets: 2 }])
  expect(errors).toEqual([{ err: new Error('boom'), layer: 'fragile', direction: 'up', packets: 2 }])
  broken = false
  wire.send(bytes)
  expect(received()).toBe(1)
  expect(running.pool.inUse).toBe(0)
})

test('a layer that always throws is logged a bounded number of times', async () => {
  const { wire, gateway, errors } = rig(
    tap(() => {
      throw new Error('boom')
    }),
  )
  await using running = await gateway.start()
  for (let i = 0; i < 5000; i++) wire.send(bytes)
  expect(running.drops()).toEqual([{ line: 'tap', reason: 'layer-threw', packets: 5000 }])
  // At packet 1, 2, 4, 8, … 4096.
  expect(errors.map((fields) => (fields as { packets: number }).packets)).toEqual(
    Array.from({ length: 13 }, (_, i) => 2 ** i),
  )
})

test('a layer that throws something other than an Error does no more harm', async () => {
  const { wire, gateway, received } = rig({
    layer: () => ({
      serve() {
        throw undefined
      },
    }),
  })
  await using running = await gateway.start()
  wire.send(bytes)
  expect(received()).toBe(0)
  expect(running.drops()).toEqual([{ line: 'layer', reason: 'layer-threw', packets: 1 }])
})

/** An end that sends whenever it is told to, open or not. */
class Careless implements Endpoint<IpPacket> {
  readonly name = 'careless'
  inject: Service<IpPacket> | undefined

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.inject = stack
    return { serve() {} }
  }
}

test('before start and after stop packets of both ends are dropped as stack-not-running', async () => {
  const pool = new PacketPool({ slots: 4, jumboSlots: 0 })
  const [wire, host] = [new Careless(), new Careless()]
  const sendFromBoth = (): void => {
    for (const end of [wire, host]) {
      const burst = new Burst<IpPacket>(pool)
      burst.push(pooledPacket(pool, bytes))
      burst.serve(end.inject!)
    }
  }
  let passed = 0
  const layer: Layer<IpPacket> = { ...tap<IpPacket>(() => void passed++, { name: 'counting' }), start: sendFromBoth }
  const running = await stack(wire).layer(layer).end(host).start()
  expect(passed).toBe(0)
  expect(running.drops()).toEqual([{ line: 'counting', reason: 'stack-not-running', packets: 2 }])
  sendFromBoth()
  expect(passed).toBe(2)
  await running.stop()
  sendFromBoth()
  expect(passed).toBe(2)
  expect(running.drops()).toEqual([{ line: 'counting', reason: 'stack-not-running', packets: 4 }])
  expect(pool.inUse).toBe(0)
})
