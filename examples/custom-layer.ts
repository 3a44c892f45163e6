/**
 * What:  Layers of your own: one that logs in your words, one that keeps count, and a filter that blocks SMTP. The two
 *        ends are in memory, so it runs anywhere; in a gateway the same lines stand between `allowedIps()` and `nat()`.
 * Run:   npm run build && node examples/dist/custom-layer.js
 * Prints:
 *        [office] up: 10.0.0.2 asks 198.51.100.7 for port 443
 *        [office] up: 10.0.0.2 asks 198.51.100.7 for port 25
 *        [office] down: 198.51.100.7 asks 10.0.0.2 for port 50000
 *        the host received 1 packet, the client 1
 *        10.0.0.2 sent 2 packets, 80 bytes
 *        dropped by filter: 1 smtp-blocked
 */
import { ipv4, MemoryHost, tcpSegment } from '@millrace/core/testing'
import { type Batch, filter, type IpPacket, type Layer, stack, tap } from 'millrace'

// The shortest layer: a function over one packet. It serves both ways.
const office = tap((packet: IpPacket, direction) =>
  console.log(`[office] ${direction}: ${packet.source} asks ${packet.destination} for port ${packet.destinationPort}`),
)

// A layer with state, over batches: it takes the service further in and returns the one further out.
class Meter implements Layer<IpPacket> {
  readonly name = 'meter'
  readonly sent = new Map<number, { packets: number; bytes: number }>()

  layer(inner: { serve(batch: Batch<IpPacket>): void }): { serve(batch: Batch<IpPacket>): void } {
    return {
      serve: (batch) => {
        for (const packet of batch) if (packet.direction === 'up') this.#count(packet)
        inner.serve(batch)
      },
    }
  }

  #count({ source4, length }: IpPacket): void {
    const total = this.sent.get(source4) ?? { packets: 0, bytes: 0 }
    this.sent.set(source4, { packets: total.packets + 1, bytes: total.bytes + length })
  }
}

const meter = new Meter()
const received = { host: 0, client: 0 }
const client = new MemoryHost({ name: 'client', receive: () => received.client++ })
const host = new MemoryHost({ name: 'host', receive: () => received.host++ })

const gateway = stack(client)
  .layer(office)
  .layer(meter)
  .layer(filter((packet) => packet.destinationPort !== 25, { reason: 'smtp-blocked' }))
  .end(host)
await using running = await gateway.start()

const [laptop, server] = ['10.0.0.2', '198.51.100.7']
const syn = (destinationPort: number): Uint8Array =>
  ipv4({ source: laptop, destination: server }, tcpSegment({ sourcePort: 50_000, destinationPort, flags: 'SYN' }))
client.send(syn(443), syn(25))
host.send(
  ipv4(
    { source: server, destination: laptop },
    tcpSegment({ sourcePort: 443, destinationPort: 50_000, flags: 'SYN ACK' }),
  ),
)

console.log(`the host received ${received.host} packet, the client ${received.client}`)
for (const [address, { packets, bytes }] of meter.sent) {
  const text = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
  console.log(`${text} sent ${packets} packets, ${bytes} bytes`)
}
for (const { line, reason, packets } of running.drops()) console.log(`dropped by ${line}: ${packets} ${reason}`)
