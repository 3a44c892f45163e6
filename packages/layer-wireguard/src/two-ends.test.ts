import { CLOCK, bind, RANDOM, runtimeWith, stack } from '@millrace/core'
import { ipv4, MemoryHost, SeededRandom, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { allowedIps, generatePrivateKey, publicKeyOf, wireguard } from './index.ts'

test('a packet goes through a tunnel and comes out the same, both ways', async () => {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork({ delay: 20 })
  const [keyA, keyB] = [generatePrivateKey(), generatePrivateKey()]
  const atA: Uint8Array[] = []
  const atB: Uint8Array[] = []
  const hostA = new MemoryHost({ receive: (bytes) => atA.push(bytes) })
  const hostB = new MemoryHost({ receive: (bytes) => atB.push(bytes) })
  const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(1)))
  const a = stack(network.udp('192.0.2.1:1'), { runtime })
    .layer(wireguard({ privateKey: keyA, peers: [{ publicKey: publicKeyOf(keyB), endpoint: '192.0.2.2:2', allowedIps: ['10.0.0.2/32'] }] }))
    .layer(allowedIps())
    .end(hostA)
  const b = stack(network.udp('192.0.2.2:2'), { runtime })
    .layer(wireguard({ privateKey: keyB, peers: [{ publicKey: publicKeyOf(keyA), allowedIps: ['10.0.0.1/32'] }] }))
    .layer(allowedIps())
    .end(hostB)
  await using runningA = await a.start()
  await using runningB = await b.start()
  const request = ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, udpSegment({ sourcePort: 1, destinationPort: 2 }, Buffer.from('hello')))
  hostA.send(request)
  clock.advance(100)
  expect(atB).toEqual([request])
  const answer = ipv4({ source: '10.0.0.2', destination: '10.0.0.1' }, udpSegment({ sourcePort: 2, destinationPort: 1 }, Buffer.from('hi')))
  hostB.send(answer)
  clock.advance(100)
  expect(atA).toEqual([answer])
  console.log(runningA.edges(), runningA.drops(), runningB.drops(), runningA.pool.inUse)
})
