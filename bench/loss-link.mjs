// A slow link in this process, for loss.mjs: behind one end of it is a kernel, behind the other a second kernel or our own
// stack, which serves loss-ends.mjs. Usage: node loss-link.mjs kernel|netstack NEAR-ADDRESS DELAY, milliseconds each way.
import { Burst, stack } from '@millrace/core'
import { netstack } from '@millrace/layer-netstack'
import { tun } from '@millrace/layer-tun'
import { PORT, serve } from './loss-ends.mjs'

const [near, address, delay] = process.argv.slice(2)
const MTU = 1420

/** A TUN as the wire; its packets are always single ones. */
function wireOf(device) {
  const start = (context) => device.start({ ...context, provide() {} })
  return { name: 'wire', connect: (inner) => device.connect(inner), start, stop: () => device.stop() }
}

/** Keeps each packet for its time; both ways apart. */
function slow(milliseconds) {
  const ways = []
  let context
  let timer
  return {
    name: 'slow',
    layer(inner) {
      const held = []
      const way = {
        serve(batch) {
          for (let i = 0; i < batch.length; i++) {
            const packet = batch.at(i)
            packet.retain()
            held.push({ packet, due: performance.now() + milliseconds })
          }
        },
        deliver() {
          const burst = new Burst(context.pool)
          const now = performance.now()
          while (held.length > 0 && held[0].due <= now) burst.push(held.shift().packet)
          burst.serve(inner)
        },
        clear() {
          for (const { packet } of held.splice(0)) packet.release()
        },
      }
      ways.push(way)
      return way
    },
    start(given) {
      context = given
      timer = setInterval(() => {
        for (const way of ways) way.deliver()
      }, 1)
    },
    stop() {
      clearInterval(timer)
      for (const way of ways) way.clear()
    },
  }
}

const far = wireOf(tun({ name: 'far0', mtu: MTU, offload: false }))
const end =
  near === 'kernel'
    ? tun({ name: 'near0', mtu: MTU, addresses: [`${address}/24`], offload: false })
    : netstack({ addresses: [address], mtu: MTU })
const running = await stack(far)
  .layer(slow(Number(delay)))
  .end(end)
  .start()
if (near !== 'kernel') end.listen({ port: PORT }, serve)
console.log('ready')
process.once('SIGTERM', () => void running.stop())
