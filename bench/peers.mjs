// What a gateway's peers cost: time per packet each way with 1 to 65,536 of them, memory of an idle one, and the same with
// 130,560 allowed IPs. Two stacks in memory; every packet is checked to have arrived. `npm run build` first.
// Usage: node --expose-gc bench/peers.mjs [packets = 20000]
import { randomBytes } from 'node:crypto'
import { ipv4, MemoryHost, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import { allowedIps, bind, CLOCK, generatePrivateKey, publicKeyOf, runtimeWith, stack, wireguard } from 'millrace'

const PACKETS = Number(process.argv[2] ?? 20_000)
const dotted = (base, i) => `${base}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** Microseconds. */
function perPacket(work) {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1000) / (PACKETS / 10)
}

async function measure(peerCount, prefixesEach) {
  const clock = new VirtualClock()
  const runtime = runtimeWith(bind(CLOCK, clock))
  const network = new SimulatedNetwork()
  const [gatewayKey, clientKey] = [generatePrivateKey(), generatePrivateKey()]
  const count = { gateway: 0, client: 0 }
  const gatewayHost = new MemoryHost({ receive: () => count.gateway++ })
  const clientHost = new MemoryHost({ receive: () => count.client++ })

  globalThis.gc()
  const before = process.memoryUsage()
  const layer = wireguard({ privateKey: gatewayKey })
  for (let i = 1; i < peerCount; i++) {
    const prefixes = Array.from({ length: prefixesEach }, (_, j) => `${dotted(11, i * prefixesEach + j)}/32`)
    layer.peers.add({ publicKey: randomBytes(32).toString('base64'), allowedIps: prefixes })
  }
  globalThis.gc()
  const after = process.memoryUsage()
  const bytes =
    (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / Math.max(1, peerCount - 1)

  layer.peers.add({ publicKey: publicKeyOf(clientKey), allowedIps: ['10.0.0.2/32'] })
  const gateway = await stack(network.udp('192.0.2.1:1'), { runtime })
    .layer(layer)
    .layer(allowedIps())
    .end(gatewayHost)
    .start()
  const peer = { publicKey: publicKeyOf(gatewayKey), endpoint: '192.0.2.1:1', allowedIps: ['0.0.0.0/0'] }
  const client = await stack(network.udp('192.0.2.2:2'), { runtime })
    .layer(wireguard({ privateKey: clientKey, peers: [peer] }))
    .layer(allowedIps())
    .end(clientHost)
    .start()
  const data = udpSegment({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(1200))
  const up = ipv4({ source: '10.0.0.2', destination: '10.0.0.1' }, data)
  const down = ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, data)
  clientHost.send(up)
  clock.advance(10)

  const times = { up: [], down: [] }
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < PACKETS / 10; i++) clientHost.send(up)
    times.up.push(perPacket(() => clock.advance(1)))
    times.down.push(
      perPacket(() => {
        for (let i = 0; i < PACKETS / 10; i++) gatewayHost.send(down)
      }),
    )
    clock.advance(1)
  }
  if (count.gateway !== PACKETS + 1 || count.client !== PACKETS)
    throw new Error(`packets were lost: ${JSON.stringify(count)}`)
  await client.stop()
  await gateway.stop()
  return { up: median(times.up), down: median(times.down), bytes }
}

console.log('  peers  allowed IPs   open µs   seal µs   bytes per idle peer')
for (const [peers, each] of [
  [1, 1],
  [16, 1],
  [256, 1],
  [4096, 1],
  [65_536, 1],
  [256, 510],
]) {
  const { up, down, bytes } = await measure(peers, each)
  const columns = [peers.toString().padStart(7), (peers * each).toString().padStart(12), up.toFixed(1).padStart(9)]
  console.log(...columns, down.toFixed(1).padStart(9), (peers * each >= 4096 ? bytes.toFixed(0) : '').padStart(15))
}
