// A WireGuard peer without a kernel behind it: each line of standard input is an IP packet in hexadecimal, which goes into
// the tunnel as it is, and each that comes out is a line of standard output.
// Usage: node rootless-gateway-peer.mjs PRIVATE-KEY PUBLIC-KEY PRESHARED-KEY ENDPOINT
import { createInterface } from 'node:readline'
import { MemoryHost } from '@millrace/core/testing'
import { allowedIps, stack, udp, wireguard } from 'millrace'

const [privateKey, publicKey, presharedKey, endpoint] = process.argv.slice(2)
const peer = { publicKey, presharedKey, endpoint, allowedIps: ['0.0.0.0/0', '::/0'] }
const host = new MemoryHost({ receive: (bytes) => console.log(Buffer.from(bytes).toString('hex')) })
const running = await stack(udp())
  .layer(wireguard({ privateKey, peers: [peer] }))
  .layer(allowedIps())
  .end(host)
  .start()
const lines = createInterface({ input: process.stdin })
let batch = []
lines.on('line', (line) => {
  if (batch.length === 0) {
    setImmediate(() => {
      for (let i = 0; i < batch.length; i += 128) host.send(...batch.slice(i, i + 128))
      batch = []
    })
  }
  batch.push(Buffer.from(line, 'hex'))
})
lines.on('close', () => void running.stop())
console.log('ready')
