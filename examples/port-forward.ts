/**
 * What:  A service inside a tunnel that the world can reach: port 443 of the outside address is a server of a peer's, and
 *        other peers reach it under the outside address as well. The two ends are in memory, so it runs anywhere; in a
 *        gateway the same `nat()` stands between `allowedIps()` and `tun()`.
 * Run:   npm run build && node examples/dist/port-forward.js
 * Prints:
 *        inside: TCP 198.51.100.7:40000 > 10.9.0.5:8443 SYN
 *        world:  TCP 203.0.113.7:443 > 198.51.100.7:40000 SYN ACK
 *        inside: TCP 203.0.113.7:4000 > 10.9.0.5:8443 SYN
 *        inside: TCP 203.0.113.7:443 > 10.9.0.2:50000 SYN ACK
 *        dropped by nat: 1 no-mapping
 */
import { decodePacket, MemoryHost, packetFromText, summarize } from '@millrace/core/testing'
import { nat, stack } from 'millrace'

const show = (where: string) => (bytes: Uint8Array) => console.log(`${where} ${summarize(decodePacket(bytes))}`)
const inside = new MemoryHost({ name: 'inside', receive: show('inside:') })
const world = new MemoryHost({ name: 'world', receive: show('world: ') })

const gateway = stack(inside)
  .layer(
    nat({
      address: '203.0.113.7',
      gatewayAddress: '10.9.0.1',
      forwards: [{ protocol: 'tcp', port: 443, to: '10.9.0.5', toPort: 8443 }],
      // One port for all that peers begin, so that what is printed here is the same each time; leave it out.
      ports: [4000, 4000],
    }),
  )
  .end(world)
await using running = await gateway.start()

// Somebody in the world calls, and the server answers from where it was called.
world.send(packetFromText('TCP 198.51.100.7:40000 > 203.0.113.7:443 SYN'))
inside.send(packetFromText('TCP 10.9.0.5:8443 > 198.51.100.7:40000 SYN ACK'))
// So does a peer, by the name that the world knows: the packets turn around in the gateway (hairpin).
inside.send(packetFromText('TCP 10.9.0.2:50000 > 203.0.113.7:443 SYN'))
inside.send(packetFromText('TCP 10.9.0.5:8443 > 203.0.113.7:4000 SYN ACK'))
// What is not forwarded stays out.
world.send(packetFromText('TCP 198.51.100.7:40000 > 203.0.113.7:8443 SYN'))

for (const { line, reason, packets } of running.drops()) console.log(`dropped by ${line}: ${packets} ${reason}`)
