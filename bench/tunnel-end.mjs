// One Millrace end of bench/tunnel.mjs. Usage: node tunnel-end.mjs PRIVATE-KEY PEER-AS-JSON ADDRESS DEVICE
import { allowedIps, stack, tun, udp, wireguard } from 'millrace'

const [privateKey, peer, address, name] = process.argv.slice(2)
await stack(udp({ port: 51820 }))
  .layer(wireguard({ privateKey, peers: [JSON.parse(peer)] }))
  .layer(allowedIps())
  .end(tun({ name, addresses: [address] }))
  .start()
