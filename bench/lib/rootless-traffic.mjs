// Traffic from the client to the server and back, through whichever gateway connects them.
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CLIENT_END, SERVER, SERVER_END } from './rootless-world.mjs'

const script = (name) => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url))
const TRANSFER = script('transfer')
const FLOWS = script('rootless-flows')
const ECHO = script('rootless-echo')
const IPERF_PORT = 5201
/** Seconds a test may take beyond its own length, for what is still under way in queues. */
const GRACE = 20

export class RootlessTraffic {
  #world
  #seconds
  #servers = []

  constructor(world, seconds) {
    this.#world = world
    this.#seconds = seconds
  }

  /** Servers for small things, for all gateways. */
  async startServers() {
    for (const file of [FLOWS, ECHO]) {
      const server = this.#world.start(SERVER_END, ['node', file, 'serve', SERVER])
      this.#servers.push(server)
      await server.until(() => server.stdout.includes('ready'))
    }
  }

  /** Resolves when a connection comes through. */
  async connected() {
    let problem
    for (let tries = 0; tries < 10; tries++) {
      try {
        return await this.flows(1, 5)
      } catch (error) {
        problem = error
        await pause(100)
      }
    }
    throw new Error(`nothing comes through: ${problem.message}`)
  }

  /** Random bytes through one TCP connection, there and then back. Throws if what arrives is not what was sent. */
  async verify(bytes) {
    const server = this.#world.start(SERVER_END, ['node', TRANSFER, 'serve', SERVER, `${bytes}`])
    try {
      await server.until(() => server.stdout.includes('ready'))
      const there = await this.#client([TRANSFER, 'connect', SERVER, `${bytes}`], 120)
      await server.exit
      const here = JSON.parse(server.stdout.split('\n').at(-2))
      if (there.sent !== here.received || here.sent !== there.received) {
        throw new Error(`the gateway changed bytes: ${JSON.stringify({ client: there, server: here })}`)
      }
    } finally {
      await server.stop()
    }
  }

  /** TCP in so many flows; `down` from the server to the client. What arrived: Mbit/s, and bytes. */
  async tcp({ flows = 1, down = false } = {}) {
    // A server for each test: one that was overrun by the last does not spoil the next.
    const server = this.#world.start(SERVER_END, ['iperf3', '-s', '-1', '-J', '-B', SERVER])
    try {
      const listening = ['ss', '-Htln', `sport = :${IPERF_PORT}`]
      await server.until(async () => (await this.#world.run(SERVER_END, listening)) !== '', { interval: 20 })
      const words = ['-t', `${this.#seconds}`, '-P', `${flows}`, ...(down ? ['-R'] : [])]
      const report = await this.#world.run(CLIENT_END, ['iperf3', '-J', '-c', SERVER, ...words], {
        timeout: (this.#seconds + GRACE) * 1000,
      })
      const { bits_per_second, bytes } = JSON.parse(report).end.sum_received
      return { rate: bits_per_second / 1e6, bytes }
    } finally {
      await server.stop()
    }
  }

  /** TCP connections with a byte each way, how many a second. */
  async flows(count, timeout = GRACE) {
    return (await this.#client([FLOWS, 'short', SERVER, `${count}`], timeout)).rate
  }

  /** UDP requests of 1,200 bytes and their answers, how many a second. */
  async echo() {
    return (await this.#client([ECHO, 'ask', SERVER, `${this.#seconds}`], this.#seconds + GRACE)).rate
  }

  /** Resolves to what `work` does while as many connections are open, and idle. */
  async whileOpen(count, work) {
    const holder = this.#world.start(CLIENT_END, ['node', FLOWS, 'hold', SERVER, `${count}`])
    try {
      await holder.until(() => holder.stdout.includes('open'))
      return await work()
    } finally {
      await holder.stop()
    }
  }

  async stop() {
    for (const server of this.#servers) await server.stop()
  }

  async #client(words, seconds) {
    return JSON.parse(await this.#world.run(CLIENT_END, ['node', ...words], { timeout: seconds * 1000 }))
  }
}
