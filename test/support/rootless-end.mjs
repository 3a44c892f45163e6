// A rootless host end, with a TUN interface where the tunnel would be, so that a kernel can be its client. Usage:
// node rootless-end.mjs INTERFACE EGRESS-IP GATEWAY-ADDRESS
import { HOST_SUPER_PACKETS, stack } from '@millrace/core'
import { sockets } from '@millrace/layer-netstack'
import { tun } from '@millrace/layer-tun'

const [name, egressIp, gatewayAddress] = process.argv.slice(2)

/** The interface as a wire, which takes and gives super-packets from the first. */
function wireOf(device) {
  return {
    name: 'tun',
    connect: (inner) => device.connect(inner),
    start: (context) =>
      device.start({
        ...context,
        provide: (token, value) => {
          if (token === HOST_SUPER_PACKETS) value.enable()
        },
      }),
    stop: () => device.stop(),
  }
}

const asking = {
  layer: (inner) => inner,
  start: (context) => context.require(HOST_SUPER_PACKETS, 'sockets take them').enable(),
}

const end = sockets({ egressIp, gatewayAddress })
const running = await stack(wireOf(tun({ name })))
  .layer(asking)
  .end(end)
  .start()
console.log('ready')
process.once('SIGTERM', async () => {
  const { flows } = end.statistics()
  await running.stop()
  console.log(JSON.stringify({ flows, held: running.pool.inUse, drops: running.drops() }))
})
