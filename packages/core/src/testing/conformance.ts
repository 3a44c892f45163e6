import assert from 'node:assert/strict'
import type { Context, Endpoint } from '../contract/index.ts'
import { Batch } from '../packet/batch.ts'
import { Burst } from '../packet/burst.ts'
import type { Packet } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { type Runtime, runtimeWith } from '../runtime/runtime.ts'
import { rootContext, Scope } from '../stack/scope.ts'

/** What a test has to know of one kind of endpoint to put it through {@link endpointConformance}. */
export interface EndpointSubject<P extends Packet> {
  readonly endpoint: Endpoint<P>
  readonly runtime?: Runtime
  /** Sizes that must pass, bytes. */
  readonly sizes: readonly number[]
  /** A size that must be dropped by name instead of sent, or undefined if there is none. */
  readonly oversize?: number
  /** Bytes of that size that this end may carry; different for each `number`. */
  sample(size: number, number: number): Uint8Array
  /** Makes a packet that holds `bytes` one that the stack may give to the endpoint: kind, remote address, header. */
  address(packet: PooledPacket): P
  /** Sends from outside towards the endpoint. Only between start and stop. */
  sendFromOutside(bytes: Uint8Array): void | Promise<void>
  /** Hands over what has come out of the endpoint since the last call. */
  takeOutside(): readonly Uint8Array[]
  /** Waits until `done` or gives up; a virtual clock advances instead. An end that does everything at once need not wait. */
  until(done: () => boolean): Promise<void>
  close(): void | Promise<void>
}

export interface ConformanceCase {
  readonly name: string
  run(): Promise<void>
}

/**
 * What every endpoint promises, as cases for any test runner; in-memory ends and real ones pass the same.
 *
 *     for (const { name, run } of endpointConformance(makeSubject)) test(name, run)
 */
export function endpointConformance<P extends Packet>(
  make: () => EndpointSubject<P> | Promise<EndpointSubject<P>>,
): readonly ConformanceCase[] {
  const cases: [string, (rig: Rig<P>) => Promise<void>][] = [
    ['brings in what comes from outside, byte for byte', bringsIn],
    ['sends what it is given, byte for byte, in order', sends],
    ['has done with a packet when serve returns, or holds on to it', holdsOrHasDone],
    ['gives every packet back to the pool', givesBack],
    ['drops by name what is too large, and goes on', dropsOversize],
    ['counts what comes in while the pool is empty, and goes on', survivesEmptyPool],
    ['after stop sends nothing, brings in nothing, and does not throw', isQuietAfterStop],
  ]
  return cases.map(([name, run]) => ({
    name,
    run: async () => {
      const rig = new Rig(await make())
      try {
        await run(rig)
      } finally {
        await rig.close()
      }
    },
  }))
}

class Rig<P extends Packet> {
  readonly subject: EndpointSubject<P>
  readonly pool = new PacketPool({ slots: 256, jumboSlots: 8 })
  readonly received: Uint8Array[] = []
  readonly kinds = new Set<string>()
  readonly dropped: string[] = []
  readonly #scope: Scope
  readonly #sink: ReturnType<Endpoint<P>['connect']>
  readonly #drops = { count: (reason: string) => void this.dropped.push(reason) }
  #started = false

  constructor(subject: EndpointSubject<P>) {
    this.subject = subject
    const runtime = subject.runtime ?? runtimeWith()
    this.#scope = new Scope(rootContext(runtime, this.pool, new AbortController().signal))
    this.#sink = subject.endpoint.connect({
      serve: (batch) => {
        for (const packet of batch) {
          this.received.push(packet.bytes().slice())
          this.kinds.add(`${packet.kind} ${packet.direction}`)
        }
      },
    })
  }

  async start(): Promise<void> {
    const context: Context = this.#scope.contextFor('endpoint')
    await this.subject.endpoint.start?.(context)
    this.#started = true
  }

  /** Drops counted outside of batches. */
  get lineDrops(): readonly string[] {
    return this.#scope.statistics().map(({ reason }) => reason)
  }

  /** Sends as a stack does: packets from the pool, one batch, given back after serve. */
  send(packets: readonly Uint8Array[], afterServe?: (packet: PooledPacket) => void): void {
    const held: PooledPacket[] = []
    const batch = new Batch<P>()
    batch.drops = this.#drops
    for (const bytes of packets) {
      const packet = this.pool.acquire(bytes.length)
      assert(packet, 'the pool of the rig is large enough')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.direction = 'down'
      held.push(packet)
      batch.push(this.subject.address(packet))
    }
    this.#sink.serve(batch)
    for (const packet of held) {
      afterServe?.(packet)
      packet.release()
    }
  }

  async expectOutside(expected: readonly Uint8Array[]): Promise<void> {
    const seen: Uint8Array[] = []
    await this.subject.until(() => {
      seen.push(...this.subject.takeOutside())
      return seen.length >= expected.length
    })
    seen.push(...this.subject.takeOutside())
    assert.deepEqual(seen.map(hex), expected.map(hex))
  }

  async close(): Promise<void> {
    if (this.#started) await this.subject.endpoint.stop?.()
    this.#started = false
    await this.subject.close()
  }

  async stop(): Promise<void> {
    await this.subject.endpoint.stop?.()
    this.#started = false
  }
}

async function bringsIn<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  for (const [i, size] of rig.subject.sizes.entries()) {
    const bytes = rig.subject.sample(size, i)
    await rig.subject.sendFromOutside(bytes)
    await rig.subject.until(() => rig.received.length > i)
    assert.equal(hex(rig.received[i]), hex(bytes), `${size} bytes`)
  }
  assert.equal(rig.kinds.size, 1, 'every packet has the same kind and direction')
}

async function sends<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  const packets = rig.subject.sizes.map((size, i) => rig.subject.sample(size, i))
  rig.send(packets)
  await rig.expectOutside(packets)
}

async function holdsOrHasDone<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  const size = rig.subject.sizes.at(-1) as number
  const [first, second] = [rig.subject.sample(size, 1), rig.subject.sample(size, 2)]
  rig.send([first])
  // The slot just given back is the first to be taken again: if the endpoint still read from it, it would send this.
  const reused = new Burst<P>(rig.pool).acquire(size)
  reused?.memory.fill(0xee, reused.offset, reused.offset + size)
  reused?.release()
  rig.send([second])
  await rig.expectOutside([first, second])
}

async function givesBack<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  const size = rig.subject.sizes[0] as number
  const packets = Array.from({ length: 32 }, (_, i) => rig.subject.sample(size, i))
  rig.send(packets)
  await rig.expectOutside(packets)
  for (const bytes of packets) await rig.subject.sendFromOutside(bytes)
  await rig.subject.until(() => rig.received.length === packets.length && rig.pool.inUse === 0)
  assert.equal(rig.received.length, packets.length)
  assert.equal(rig.pool.inUse, 0)
}

async function dropsOversize<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  const { oversize } = rig.subject
  const fine = rig.subject.sample(rig.subject.sizes[0] as number, 1)
  if (oversize !== undefined) {
    rig.send([rig.subject.sample(oversize, 0)])
    await rig.subject.until(() => rig.dropped.length + rig.lineDrops.length > 0)
    assert.equal(rig.dropped.length + rig.lineDrops.length, 1, 'one named drop')
  }
  rig.send([fine])
  await rig.expectOutside([fine])
}

async function survivesEmptyPool<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  const held: PooledPacket[] = []
  for (let packet = rig.pool.acquire(1); packet !== undefined; packet = rig.pool.acquire(1)) held.push(packet)
  const bytes = rig.subject.sample(rig.subject.sizes[0] as number, 1)
  await rig.subject.sendFromOutside(bytes)
  await rig.subject.until(() => rig.lineDrops.includes('pool-empty'))
  assert.deepEqual(rig.lineDrops, ['pool-empty'])
  for (const packet of held) packet.release()
  await rig.subject.sendFromOutside(bytes)
  await rig.subject.until(() => rig.received.length === 1)
  assert.equal(hex(rig.received[0]), hex(bytes))
}

async function isQuietAfterStop<P extends Packet>(rig: Rig<P>): Promise<void> {
  await rig.start()
  await rig.stop()
  rig.send([rig.subject.sample(rig.subject.sizes[0] as number, 1)])
  await rig.subject.until(() => rig.dropped.length > 0)
  assert.equal(rig.dropped.length, 1, 'what cannot be sent is a named drop')
  assert.equal(rig.received.length, 0)
  assert.equal(rig.subject.takeOutside().length, 0)
  assert.equal(rig.pool.inUse, 0)
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array()).toString('hex')
}
