import {
  asIpPacket,
  type Burst,
  bind,
  CLOCK,
  type Context,
  type Endpoint,
  type IpPacket,
  parseIp,
  runtimeWith,
  type Service,
  stack,
} from '@millrace/core'
import { MemoryHost, packetFromText, VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { type Machine, MachineLoop } from './machine-loop.ts'

/** Sends as many packets as it is told to, two a flush, and notes what happens to it. */
class CountingMachine implements Machine {
  deadline = Number.POSITIVE_INFINITY
  hasEvents = false
  toSend = 0
  readonly seen: string[] = []
  readonly #outbox: Burst<IpPacket>
  readonly #clock: VirtualClock

  constructor(outbox: Burst<IpPacket>, clock: VirtualClock) {
    this.#outbox = outbox
    this.#clock = clock
  }

  receive(packet: IpPacket): string | undefined {
    this.seen.push(`receive ${packet.destinationPort}`)
    if (packet.destinationPort === 1) return 'unwanted'
    this.hasEvents = true
    return undefined
  }

  advance(now: number): void {
    this.seen.push(`advance ${now}`)
    this.deadline = Number.POSITIVE_INFINITY
  }

  dispatch(): void {
    if (!this.hasEvents) return
    this.hasEvents = false
    this.seen.push('dispatch')
    this.toSend += 3
  }

  flush(): boolean {
    this.seen.push(`flush ${this.#clock.now()}`)
    for (let i = 0; i < 2 && this.toSend > 0; i++, this.toSend--) {
      const packet = this.#outbox.acquire(64)
      if (packet === undefined) return true
      const bytes = packetFromText('UDP 192.0.2.1:7 > 192.0.2.2:9')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      parseIp(packet)
      this.#outbox.push(asIpPacket(packet))
    }
    return this.toSend > 0
  }
}

class CountingEnd implements Endpoint<IpPacket> {
  readonly name = 'counting'
  readonly clock: VirtualClock
  #stack: Service<IpPacket> = { serve() {} }
  loop!: MachineLoop
  machine!: CountingMachine

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  connect(inner: Service<IpPacket>): Service<IpPacket> {
    this.#stack = inner
    return { serve: (batch) => this.loop.serve(batch) }
  }

  start(context: Context): void {
    this.loop = new MachineLoop(context, this.#stack)
    this.machine = new CountingMachine(this.loop.outbox, this.clock)
    this.loop.run(this.machine)
  }

  stop(): void {
    this.loop.stop()
  }
}

async function rig(onReceived: (count: number) => void = () => {}) {
  const clock = new VirtualClock()
  const received: Uint8Array[] = []
  const wire = new MemoryHost({ receive: (bytes) => onReceived(received.push(bytes)) })
  const end = new CountingEnd(clock)
  const gateway = stack<IpPacket>(wire, { runtime: runtimeWith(bind(CLOCK, clock)) }).end(end)
  const running = await gateway.start()
  return { clock, wire, end, received, running }
}

test('a batch is received, told and answered, all of it, before serve returns', async () => {
  const { wire, end, received, running } = await rig()
  wire.send(packetFromText('UDP 192.0.2.2:9 > 192.0.2.1:7'), packetFromText('UDP 192.0.2.2:9 > 192.0.2.1:1'))
  expect(end.machine.seen).toEqual(['receive 7', 'receive 1', 'dispatch', 'flush 0', 'flush 0'])
  expect(received).toHaveLength(3)
  expect(running.drops()).toContainEqual(expect.objectContaining({ reason: 'unwanted', packets: 1 }))
  await running.stop()
})

test('what answers while it is sent is told and answered too, before serve returns', async () => {
  const { wire, end, received, running } = await rig((count) => {
    if (count === 3) wire.send(packetFromText('UDP 192.0.2.2:9 > 192.0.2.1:8'))
  })
  wire.send(packetFromText('UDP 192.0.2.2:9 > 192.0.2.1:7'))
  expect(end.machine.seen.filter((seen) => !seen.startsWith('flush'))).toEqual([
    'receive 7',
    'dispatch',
    'receive 8',
    'dispatch',
  ])
  expect(received).toHaveLength(6)
  await running.stop()
})

test('what is done between packets is sent together, once', async () => {
  const { clock, end, received, running } = await rig()
  end.machine.toSend = 1
  end.loop.wake()
  end.machine.toSend = 2
  end.loop.wake()
  expect(end.machine.seen).toEqual([])
  clock.advance(0)
  expect(end.machine.seen).toEqual(['advance 0', 'flush 0'])
  expect(received).toHaveLength(2)
  await running.stop()
})

test('it wakes at the deadline, and not after a stop', async () => {
  const { clock, wire, end, running } = await rig()
  const { machine } = end
  machine.deadline = 30
  wire.send(packetFromText('UDP 192.0.2.2:9 > 192.0.2.1:1'))
  machine.seen.length = 0
  clock.advance(29)
  expect(machine.seen).toEqual([])
  clock.advance(1)
  expect(machine.seen).toEqual(['advance 30', 'flush 30'])
  machine.deadline = 40
  end.loop.wake()
  await running.stop()
  machine.seen.length = 0
  clock.advance(100)
  end.loop.wake()
  clock.advance(100)
  expect(machine.seen).toEqual([])
})
