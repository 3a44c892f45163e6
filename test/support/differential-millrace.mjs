// Millrace as a program of its own: an interface NAME, told what to do through its control socket as any WireGuard.
// Usage: node differential-millrace.mjs NAME
import { stack } from '@millrace/core'
import { tun } from '@millrace/layer-tun'
import { udp } from '@millrace/layer-udp'
import { allowedIps, serveUapi, wireguard } from '@millrace/layer-wireguard'

const [name] = process.argv.slice(2)
const layer = wireguard({})
const running = await stack(udp()).layer(layer).layer(allowedIps()).end(tun({ name })).start()
const server = await serveUapi({ name, target: layer.target })
process.once('SIGTERM', async () => {
  await server.close()
  await running.stop()
})
