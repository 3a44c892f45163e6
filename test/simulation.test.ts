import { bind, CLOCK, RANDOM, runtimeWith, stack } from '@millrace/core'
import { MemoryHost, SeededRandom, SimulatedNetwork, VirtualClock } from '@millrace/core/testing'
import { allowedIps, generatePrivateKey, publicKeyOf, wireguard } from '@millrace/layer-wireguard'
import { expect, test } from 'vitest'
import { NumberedPackets, Receipt } from './support/numbered-packets.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
/** MILLRACE_SEEDS=7,8 npx vitest run test/simulation.test.ts repeats a run of these seeds. */
const seeds = (process.env['MILLRACE_SEEDS'] ?? '1,2,3').split(',').map(Number)

// A session that breaks is noticed after KEEPALIVE_TIMEOUT + REKEY_TIMEOUT (15 s and jitter), and each attempt to
// renew it that is lost costs REKEY_TIMEOUT (5 s and jitter). With 5 % loss each way four lost attempts in a row are
// a matter of 1 in 10,000, so 40 s without a packet means that something does not recover by itself.
const LONGEST_GAP = 40 * SECOND

test.each(seeds)(
  '24 hours on a bad network: sessions recover, nothing comes twice or altered (seed %i)',
  async (seed) => {
    const began = performance.now()
    const clock = new VirtualClock()
    const random = new SeededRandom(seed)
    const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, random))
    const network = new SimulatedNetwork({
      seed,
      delay: 20,
      jitter: 50,
      loss: 0.05,
      reordering: 0.02,
      duplication: 0.02,
      corruption: 0.002,
    })
    const [laptopKey, gatewayKey] = [generatePrivateKey(), generatePrivateKey()]
    const up = new NumberedPackets('10.0.0.2', '10.0.0.1')
    const down = new NumberedPackets('10.0.0.1', '10.0.0.2')
    const [atGateway, atLaptop] = [new Receipt(up), new Receipt(down)]
    const laptopHost = new MemoryHost({ receive: (bytes) => atLaptop.take(bytes, clock.now()) })
    const gatewayHost = new MemoryHost({ receive: (bytes) => atGateway.take(bytes, clock.now()) })
    const laptopWire = network.udp('198.51.100.1:5000')
    const gatewayPeer = {
      publicKey: publicKeyOf(gatewayKey),
      endpoint: '192.0.2.1:51820',
      allowedIps: ['0.0.0.0/0'],
      persistentKeepalive: 25,
    }
    const laptop = await stack(laptopWire, { runtime })
      .layer(wireguard({ privateKey: laptopKey, peers: [gatewayPeer] }))
      .layer(allowedIps())
      .end(laptopHost)
      .start()
    const gateway = await stack(network.udp('192.0.2.1:51820'), { runtime })
      .layer(
        wireguard({
          privateKey: gatewayKey,
          peers: [{ publicKey: publicKeyOf(laptopKey), allowedIps: ['10.0.0.2/32'] }],
        }),
      )
      .layer(allowedIps())
      .end(gatewayHost)
      .start()

    clock.advance(30 * SECOND) // the persistent keepalive has brought the first session up
    let moves = 0
    const gaps: number[] = []
    for (let hour = 0; hour < 24; hour++) {
      atGateway.resetGap(clock.now())
      atLaptop.resetGap(clock.now())
      // Forty minutes of traffic, five of nobody having anything to say, fifteen of traffic again.
      for (let second = 0; second < 3600; second++) {
        if (second === 1800) laptopWire.move(`198.51.100.${++moves + 1}:${5000 + moves}`)
        const quiet = second >= 2400 && second < 2700
        if (quiet) {
          clock.advance(SECOND)
          if (second === 2699) {
            atGateway.resetGap(clock.now())
            atLaptop.resetGap(clock.now())
          }
          continue
        }
        const first = (random.fraction() * SECOND) / 2
        clock.advance(first)
        laptopHost.send(up.next())
        clock.advance(SECOND / 2 - first)
        gatewayHost.send(down.next())
        clock.advance(SECOND / 2)
        if (second === 2399) gaps.push(atGateway.gap(clock.now()), atLaptop.gap(clock.now()))
      }
      gaps.push(atGateway.gap(clock.now()), atLaptop.gap(clock.now()))
    }
    clock.advance(SECOND)

    expect(clock.now()).toBeGreaterThan(24 * HOUR)
    expect(moves).toBe(24)
    expect(Math.max(...gaps)).toBeLessThan(LONGEST_GAP)
    for (const [sent, receipt] of [[up.sent, atGateway] as const, [down.sent, atLaptop] as const]) {
      expect(receipt.repeated).toBe(0)
      expect(receipt.altered).toBe(0)
      // 5 % are lost on the way, and 0.2 % of the rest are corrupted and refused; more means a session that stood still.
      expect(receipt.received / sent).toBeGreaterThan(0.94)
      expect(receipt.received / sent).toBeLessThan(0.96)
    }
    await laptop.stop()
    await gateway.stop()
    expect([laptop.pool.inUse, gateway.pool.inUse]).toEqual([0, 0])
    expect(performance.now() - began).toBeLessThan(60 * SECOND)
  },
)
