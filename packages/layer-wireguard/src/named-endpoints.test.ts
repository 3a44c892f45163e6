import { bind, CLOCK, runtimeWith, stack } from '@millrace/core'
import { ipv4, MemoryHost, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { allowedIps, generatePrivateKey, LOOKUP, publicKeyOf, wireguard } from './index.ts'

const packet = ipv4(
  { source: '10.0.0.2', destination: '10.0.0.1' },
  udpSegment({ sourcePort: 1, destinationPort: 2 }, 'hi'),
)

test('an endpoint that is a name is looked up at the start, and again when nobody answers there', async () => {
  const clock = new VirtualClock()
  let address = '192.0.2.1'
  const asked: string[] = []
  const runtime = runtimeWith(
    bind(CLOCK, clock),
    bind(LOOKUP, async (host: string) => {
      asked.push(host)
      return [{ address }]
    }),
  )
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const network = new SimulatedNetwork({ delay: 5 })
  const [clientKey, gatewayKey] = [generatePrivateKey(), generatePrivateKey()]
  const received: Uint8Array[] = []
  const gatewayWire = network.udp('192.0.2.1:51820')
  const gateway = await stack(gatewayWire, { runtime })
    .layer(
      wireguard({ privateKey: gatewayKey, peers: [{ publicKey: publicKeyOf(clientKey), allowedIps: ['10.0.0.2'] }] }),
    )
    .layer(allowedIps())
    .end(new MemoryHost({ receive: (bytes) => received.push(bytes) }))
    .start()
  const host = new MemoryHost()
  const layer = wireguard(`
    [Interface]
    PrivateKey = ${clientKey}
    [Peer]
    # gateway
    PublicKey = ${publicKeyOf(gatewayKey)}
    Endpoint = vpn.example.org:51820
    AllowedIPs = 0.0.0.0/0
    PersistentKeepalive = 25
  `)
  const client = await stack(network.udp('198.51.100.1:5000'), { runtime })
    .layer(layer)
    .layer(allowedIps())
    .end(host)
    .start()
  await seconds(2)
  expect(asked).toEqual(['vpn.example.org'])
  expect(layer.peers.list().map(({ name, endpoint, isUp }) => [name, endpoint, isUp])).toEqual([
    ['gateway', '192.0.2.1:51820', true],
  ])

  // The gateway moves, and its name with it, while the client has no word of it.
  gatewayWire.move('203.0.113.1:51820')
  address = '203.0.113.1'
  host.send(packet)
  await seconds(60)
  expect(layer.peers.list()[0]?.endpoint).toBe('203.0.113.1:51820')
  host.send(packet)
  await seconds(1)
  expect(received).toEqual([packet])
  await client.stop()
  await gateway.stop()
})

test('a configuration names the file and the line that is wrong', () => {
  expect(() => wireguard('[Interface]\nPrivateKey = short\n')).toThrow(/^configuration:2: expected/)
})
