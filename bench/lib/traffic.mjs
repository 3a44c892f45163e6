// Traffic through the tunnel, always begun by end 0, as a client behind NAT must.
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { innerAddress } from './interface.mjs'
import { percentile } from './statistics.mjs'

const TRANSFER = fileURLToPath(new URL('../transfer.mjs', import.meta.url))
const SERVER = innerAddress(1)
/** Seconds a test may take beyond its own length, for what is still under way in queues. */
const GRACE = 20

export class Traffic {
  #world
  #seconds

  constructor(world, seconds) {
    this.#world = world
    this.#seconds = seconds
  }

  /** Resolves when the other end answers: the handshake is done and both interfaces are up. */
  async connected() {
    const command = ['ping', '-q', '-c', '1', '-W', '1', SERVER]
    for (let tries = 0; tries < 20; tries++) {
      const answered = await this.#world.run(0, command).then(
        () => true,
        () => false,
      )
      if (answered) return
      await pause(50)
    }
    throw new Error('no ping comes through the tunnel')
  }

  /** Random bytes through one TCP connection, there and then back. Throws if what arrives is not what was sent. */
  async verify(bytes) {
    const server = this.#world.start(1, ['node', TRANSFER, 'serve', SERVER, `${bytes}`])
    try {
      await server.until(() => server.stdout.includes('ready'))
      const said = await this.#world.run(0, ['node', TRANSFER, 'connect', SERVER, `${bytes}`], { timeout: 120_000 })
      await server.exit
      const there = JSON.parse(server.stdout.split('\n').at(-2))
      const here = JSON.parse(said)
      if (here.sent !== there.received || there.sent !== here.received) {
        throw new Error(`the tunnel changed bytes: ${JSON.stringify({ here, there })}`)
      }
    } finally {
      await server.stop()
    }
  }

  /** TCP in so many flows; `back` from end 1 to end 0. What arrived: Mbit/s, and bytes. */
  async tcp({ flows = 1, back = false, seconds = this.#seconds } = {}) {
    const report = await this.#iperf(['-P', `${flows}`, ...(back ? ['-R'] : [])], seconds)
    const { bits_per_second, bytes } = report.end.sum_received
    return { rate: bits_per_second / 1e6, bytes }
  }

  /** UDP as fast as end 0 can send, with so many bytes of payload. What arrived, Mbit/s of payload. */
  async udp(payload) {
    const report = await this.#iperf(['-u', '-b', '0', '-l', `${payload}`], this.#seconds)
    return report.end.sum_received.bits_per_second / 1e6
  }

  /** Round-trip times, ms. */
  async ping({ seconds = this.#seconds, interval = 0.01 } = {}) {
    const count = Math.round(seconds / interval)
    const command = ['ping', '-i', `${interval}`, '-c', `${count}`, '-w', `${Math.ceil(seconds) + 2}`, SERVER]
    const text = await this.#world.run(0, command, { timeout: (seconds + GRACE) * 1000 })
    const times = [...text.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]))
    if (times.length < count / 2) throw new Error(`only ${times.length} of ${count} pings were answered`)
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
  }

  /** A server for each test: one that was overrun by the last does not spoil the next. */
  async #iperf(words, seconds) {
    const server = this.#world.start(1, ['iperf3', '-s', '-1', '-J'])
    try {
      await this.#listening(server)
      const client = ['iperf3', '-J', '-c', SERVER, '-t', `${seconds}`, ...words]
      return JSON.parse(await this.#world.run(0, client, { timeout: (seconds + GRACE) * 1000 }))
    } finally {
      await server.stop()
    }
  }

  #listening(server) {
    const command = ['ss', '-Htln', 'sport = :5201']
    return server.until(async () => (await this.#world.run(1, command)) !== '', { interval: 20 })
  }
}
