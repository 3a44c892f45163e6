import { expect, test } from 'vitest'
import type { DuplexLayer } from '../contract/index.ts'
import type { IpPacket } from '../packet/packet.ts'
import { stack } from '../stack/stack.ts'
import { decodePacket } from './decode-packet.ts'
import { MemoryHost } from './memory-host.ts'
import { ipv4, tcpSegment } from './packets.ts'

/** Makes of every packet a super-packet. */
function enlarge(segmentSize: number, segmentHeader: number): DuplexLayer<IpPacket> {
  const layer = {
    layer: (inner: { serve(batch: Iterable<IpPacket>): void }) => ({
      serve: (batch: Iterable<IpPacket>): void => {
        for (const packet of batch) Object.assign(packet, { segmentSize, segmentHeader })
        inner.serve(batch)
      },
    }),
  }
  return { name: 'enlarge', up: layer, down: layer } as DuplexLayer<IpPacket>
}

const text = 'abcdefghijklmnopqrstuvwxyz'
const whole = ipv4(
  { source: '10.0.0.2', destination: '198.51.100.7' },
  tcpSegment({ sourcePort: 1, destinationPort: 2 }, text),
)

async function send(segmentHeader: number, slots = 8) {
  const received: string[] = []
  const wire = new MemoryHost({ name: 'wire' })
  const host = new MemoryHost({
    receive: (bytes) => received.push(Buffer.from(decodePacket(bytes).payload).toString()),
  })
  const gateway = stack<IpPacket>(wire, { pool: { slots, jumboSlots: 0 } })
    .layer(enlarge(10, segmentHeader))
    .end(host)
  await using running = await gateway.start()
  wire.send(whole)
  const drops = running.drops().map(({ reason, packets }) => `${reason} ${packets}`)
  return { received, drops }
}

test('a super-packet reaches the host as the packets it stands for', async () => {
  expect(await send(40)).toEqual({ received: ['abcdefghij', 'klmnopqrst', 'uvwxyz'], drops: [] })
})

test('one that cannot be cut, or not now, is a counted drop', async () => {
  expect(await send(44)).toEqual({ received: [], drops: ['super-packet-malformed 3'] })
  expect(await send(40, 1)).toEqual({ received: [], drops: ['pool-empty 3'] })
})
