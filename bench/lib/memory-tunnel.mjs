import { allowedIps, generatePrivateKey, publicKeyOf, stack, wireguard } from 'millrace'
import { MemoryHostEnd, memoryWire } from './memory-ends.mjs'

/** Two WireGuard stacks with a cable in memory between them. `up` sends from the client's host to the gateway's. */
export async function memoryTunnel() {
  const [clientKey, gatewayKey] = [generatePrivateKey(), generatePrivateKey()]
  const [clientWire, gatewayWire] = memoryWire()
  const [clientHost, gatewayHost] = [new MemoryHostEnd(), new MemoryHostEnd()]
  const everything = ['0.0.0.0/0']
  const gatewayPeer = { publicKey: publicKeyOf(gatewayKey), endpoint: `${gatewayWire.address}`, allowedIps: everything }
  const clientPeer = { publicKey: publicKeyOf(clientKey), allowedIps: everything }
  const client = await stack(clientWire)
    .layer(wireguard({ privateKey: clientKey, peers: [gatewayPeer] }))
    .layer(allowedIps())
    .end(clientHost)
    .start()
  const gateway = await stack(gatewayWire)
    .layer(wireguard({ privateKey: gatewayKey, peers: [clientPeer] }))
    .layer(allowedIps())
    .end(gatewayHost)
    .start()

  const deliver = () => {
    while (gatewayWire.deliver() || clientWire.deliver()) {}
  }
  return {
    /** IP packets that the gateway's host has got; the segments of a super-packet count. */
    get received() {
      return gatewayHost.packets
    },
    up(bytes, count, segmentSize, segmentHeader) {
      clientHost.send(bytes, count, segmentSize, segmentHeader)
      deliver()
    },
    /** Sends one packet and has the handshake done that it begins. */
    open(bytes) {
      this.up(bytes, 1, 0, 0)
      if (gatewayHost.packets !== 1) throw new Error(`the handshake failed: ${this.drops()}`)
    },
    drops() {
      return JSON.stringify([...client.drops(), ...gateway.drops()])
    },
    async stop() {
      await client.stop()
      await gateway.stop()
    },
  }
}
