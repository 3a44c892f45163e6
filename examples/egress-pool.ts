/**
 * What:  Several outside addresses for many peers: each peer keeps one address for all it does, an address is drained
 *        before it is taken away, and when ports run out it is told, counted and refused, never served under an address
 *        that is somebody else's. The two ends are in memory, so it runs anywhere.
 * Run:   npm run build && node examples/dist/egress-pool.js
 * Prints:
 *        10.9.0.2 goes out as 203.0.113.1
 *        10.9.0.3 goes out as 203.0.113.2
 *        10.9.0.2 goes out as 203.0.113.1
 *        drained: what 10.9.0.3 has goes on as 203.0.113.2
 *        exhausted: addresses
 *        1 flow under 203.0.113.2, gone after five minutes: 0
 *        exhausted: ports
 *        egress_port_allocation_failures_total: 1 of ports, 0 of peer-ports, 0 of blocks, 1 of addresses
 */
import { decodePacket, MemoryHost, packetFromText, VirtualClock } from '@millrace/core/testing'
import { bind, CLOCK, nat, runtimeWith, stack } from 'millrace'

const clock = new VirtualClock()
const egress = nat({
  address: ['203.0.113.1', '203.0.113.2'],
  pick: 'pinned',
  // By the peer's name behind `wireguard()`; here packets have no peer, so by inside address.
  pins: { '10.9.0.2': '203.0.113.1', '10.9.0.3': '203.0.113.2' },
  gatewayAddress: '10.9.0.1',
  // Two ports each, so that they run out soon; leave it out.
  ports: [4000, 4001],
})
egress.events.subscribe(({ type, resource }) => console.log(`${type}: ${resource}`))

let source = ''
const inside = new MemoryHost({ name: 'inside' })
const world = new MemoryHost({
  name: 'world',
  receive: (bytes) => {
    source = decodePacket(bytes).source
  },
})
const gateway = stack(inside, { runtime: runtimeWith(bind(CLOCK, clock)) })
  .layer(egress)
  .end(world)
await using _ = await gateway.start()

/** A datagram of a peer's, and the address it went out under. */
function send(peer: string, port: number): string {
  source = 'nothing'
  inside.send(packetFromText(`UDP ${peer}:${port} > 198.51.100.7:53`))
  return source
}
const flows = (address: string): number =>
  [...egress.mappings()].filter((row) => row.outside.address === address).length

for (const [peer, port] of [['10.9.0.2', 1] as const, ['10.9.0.3', 1] as const, ['10.9.0.2', 2] as const]) {
  console.log(`${peer} goes out as ${send(peer, port)}`)
}

// An address is to go: what is under it stays until it ends, nothing new comes.
egress.drain('203.0.113.2')
console.log(`drained: what 10.9.0.3 has goes on as ${send('10.9.0.3', 1)}`)
send('10.9.0.3', 2)
const before = flows('203.0.113.2')
clock.advance(5 * 60_000)
console.log(`${before} flow under 203.0.113.2, gone after five minutes: ${flows('203.0.113.2')}`)

// Two ports, three flows. The address of somebody else is no way out.
for (const port of [3, 4, 5]) send('10.9.0.2', port)
for (const { name, samples } of egress.metrics()) {
  if (name !== 'egress_port_allocation_failures_total') continue
  console.log(`${name}: ${samples.map(({ labels, value }) => `${value} of ${labels['resource']}`).join(', ')}`)
}
