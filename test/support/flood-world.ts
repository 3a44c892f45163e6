import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ipv4, ipv6, udpSegment } from '@millrace/core/testing'
import { decodeKey } from '@millrace/layer-wireguard'
import { expect } from 'vitest'
import { type FloodMessage, InitiationFlood } from './initiation-flood.ts'
import { socketOf, WgDaemon } from './millrace-wg.ts'
import { cable, Namespace, type Program } from './netns.ts'
import { keyPair } from './scenario-end.ts'

const SOURCE = fileURLToPath(new URL('flood-source.mjs', import.meta.url))
const TRAFFIC = fileURLToPath(new URL('flood-traffic.mjs', import.meta.url))
const PORT = 51_820
/** Nobody listens there: what comes costs the kernel the same way, and us nothing. */
const CLOSED_PORT = 51_821
const SINK_PORT = 5201
const MESSAGES = 8192
/** Seen from where the flood comes from. */
const GATEWAY = { ipv4: '192.0.2.1', ipv6: 'fd00:1::1' }
const ATTACKER = { ipv4: '192.0.2.2', ipv6: 'fd00:1::2' }
const WITHIN = { timeout: 10_000, interval: 20 }

/** A round of the flood: Unix times in milliseconds. */
export interface FloodRound {
  readonly kind: 'control' | 'flood'
  readonly from: number
  readonly to: number
  readonly packets: number
}

/**
 * A gateway, `millrace-wg`, in a namespace of its own; two peers of it in another; and in a third what floods it, whose
 * packets come through the kernel's routing from anywhere.
 */
export class FloodWorld {
  readonly #attacker: Namespace = new Namespace('attacker')
  readonly #gateway: Namespace = new Namespace('gateway')
  readonly #clients: Namespace = new Namespace('clients')
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'millrace-'))
  readonly #keys = keyPair()
  readonly #daemons: WgDaemon[] = []
  readonly #files: Record<'control' | 'flood', string>

  constructor() {
    this.#files = { control: join(this.#folder, 'control'), flood: join(this.#folder, 'flood') }
    cable(this.#attacker, 'outside', [`${ATTACKER.ipv4}/24`, `${ATTACKER.ipv6}/64`], this.#gateway, 'wild', [
      `${GATEWAY.ipv4}/24`,
      `${GATEWAY.ipv6}/64`,
    ])
    cable(this.#clients, 'inside', ['198.51.100.2/24'], this.#gateway, 'tame', ['198.51.100.1/24'])
    this.#route()
    const flood = new InitiationFlood(decodeKey(this.#keys.publicKey, 'key'))
    const messages = Array.from({ length: MESSAGES }, () => flood.next())
    writeFileSync(this.#files.control, packetsOf(messages, CLOSED_PORT))
    writeFileSync(this.#files.flood, packetsOf(messages, PORT))
  }

  /** Starts the gateway; it knows no clients yet. */
  async start(): Promise<void> {
    const daemon = await this.#startDaemon(this.#gateway, 'g', this.#keys.privateKey, '10.99.0.1/24')
    this.#gateway.run('wg', 'set', daemon.name, 'listen-port', String(PORT))
    await expect.poll(() => daemon.ports.includes(PORT), WITHIN).toBe(true)
  }

  /** Starts a client; how many milliseconds its first ping took, handshake included; Infinity if longer than `limit` seconds. */
  async connect(i: number, limit: number): Promise<number> {
    const [gateway, keys] = [this.#daemons[0] as WgDaemon, keyPair()]
    const address = `10.99.${i + 1}.2`
    this.#gateway.run('wg', 'set', gateway.name, 'peer', keys.publicKey, 'allowed-ips', `${address}/32`)
    this.#gateway.run('ip', 'route', 'add', `${address}/32`, 'dev', gateway.name)
    const { name } = await this.#startDaemon(this.#clients, `c${i}`, keys.privateKey, `${address}/32`)
    const peer = ['peer', this.#keys.publicKey, 'allowed-ips', '10.99.0.0/24', 'endpoint', `198.51.100.1:${PORT}`]
    this.#clients.run('wg', 'set', name, ...peer)
    const began = performance.now()
    // Every client reaches the same address behind the gateway: they are told apart by their device.
    const ping = this.#clients.exec('ping', '-c', '1', '-W', String(limit), '-I', name, '10.99.0.1')
    const answered = await ping.then(() => true).catch(() => false)
    return answered ? performance.now() - began : Number.POSITIVE_INFINITY
  }

  /** The traffic of client 0: so many datagrams a second. */
  async startTraffic(rate: number): Promise<Traffic> {
    const sink = this.#gateway.start('node', TRAFFIC, 'sink', String(SINK_PORT))
    await sink.printed(/ready/)
    const name = this.#daemons[1]?.name as string
    this.#clients.run('ip', 'route', 'replace', '10.99.0.0/24', 'dev', name, 'src', '10.99.1.2')
    const source = this.#clients.start('node', TRAFFIC, 'source', '10.99.0.1', String(SINK_PORT), String(rate))
    await source.printed(/^\d+ [1-9]/m)
    return new Traffic(source, sink)
  }

  /** Floods by turns, with as many packets as go. What it prints is of use when it has ended, or while it runs. */
  startFlood(options: {
    readonly rounds: number
    readonly milliseconds: number
    readonly pause: number
    readonly kinds: readonly ('control' | 'flood')[]
  }): Flood {
    const { rounds, milliseconds, pause, kinds } = options
    const files = kinds.map((kind) => this.#files[kind])
    const words = [interfaceOf('f'), rounds, milliseconds, pause, ...files].map(String)
    return new Flood(this.#attacker.start('node', SOURCE, ...words), rounds, kinds)
  }

  /** UDP datagrams that programs in the gateway's namespace have taken from their sockets, and sent. */
  get datagrams(): { readonly received: number; readonly sent: number } {
    const [names, values] = this.#gateway
      .run('cat', '/proc/net/snmp')
      .split('\n')
      .filter((line) => line.startsWith('Udp:'))
      .map((line) => line.split(' ')) as [string[], string[]]
    const six = this.#gateway.run('cat', '/proc/net/snmp6')
    const of = (name: string): number =>
      Number(values[names.indexOf(name)]) + Number(new RegExp(`^Udp6${name}\\s+(\\d+)`, 'm').exec(six)?.[1])
    return { received: of('InDatagrams'), sent: of('OutDatagrams') }
  }

  /** Resident memory of the gateway, bytes. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.#daemons[0]?.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }

  async close(): Promise<void> {
    const removed = await Promise.allSettled(
      [this.#attacker, this.#gateway, this.#clients].map((each) => each.remove()),
    )
    for (const { name } of this.#daemons) rmSync(socketOf(name), { force: true })
    rmSync(this.#folder, { recursive: true })
    for (const result of removed) if (result.status === 'rejected') throw result.reason
  }

  async #startDaemon(namespace: Namespace, label: string, key: string, address: string): Promise<WgDaemon> {
    const daemon = await WgDaemon.start(interfaceOf(label), namespace)
    this.#daemons.push(daemon)
    const file = join(this.#folder, daemon.name)
    writeFileSync(file, key, { mode: 0o600 })
    namespace.run('wg', 'set', daemon.name, 'private-key', file)
    namespace.run('ip', 'address', 'add', address, 'dev', daemon.name)
    namespace.run('ip', 'link', 'set', daemon.name, 'up')
    return daemon
  }

  /** Whatever its source, what the attacker sends comes to the gateway, and what that answers goes there and is lost. */
  #route(): void {
    const attacker = (...words: string[]) => this.#attacker.run('ip', ...words)
    const gateway = (...words: string[]) => this.#gateway.run('ip', ...words)
    const hardware = (namespace: Namespace, name: string) =>
      /link\/ether (\S+)/.exec(namespace.run('ip', 'link', 'show', name))?.[1] as string
    const forwarding = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
    for (const [namespace, ...names] of [
      [this.#attacker, 'outside'],
      [this.#gateway, 'wild', 'tame'],
      [this.#clients, 'inside'],
    ] as const) {
      const anySource = ['all', 'default', ...names].map((name) => `net.ipv4.conf.${name}.rp_filter=0`)
      namespace.run('sysctl', '-q', '-w', ...forwarding, ...anySource)
    }
    // Without a link-local address a forwarded packet asks no neighbour.
    const [far, near] = [hardware(this.#gateway, 'wild'), hardware(this.#attacker, 'outside')]
    attacker('neighbour', 'add', GATEWAY.ipv6, 'lladdr', far, 'dev', 'outside')
    gateway('neighbour', 'add', ATTACKER.ipv6, 'lladdr', near, 'dev', 'wild')
    for (const family of ['-4', '-6'] as const) {
      gateway(family, 'route', 'add', 'default', 'via', family === '-4' ? ATTACKER.ipv4 : ATTACKER.ipv6)
      attacker(family, 'route', 'add', 'blackhole', 'default')
    }
  }
}

/** Datagrams sent and arrived, by time. */
export class Traffic {
  readonly #source: Program
  readonly #sink: Program

  constructor(source: Program, sink: Program) {
    this.#source = source
    this.#sink = sink
  }

  /** Of what was sent in this time, the part that arrived. */
  delivered(from: number, to: number): number {
    const between = ({ stdout }: Program): number => countAt(stdout, to) - countAt(stdout, from)
    return between(this.#sink) / between(this.#source)
  }
}

/** The last count that was printed until then. */
function countAt(text: string, time: number): number {
  let count = 0
  for (const [, at, value] of text.matchAll(/^(\d+) (\d+)$/gm)) if (Number(at) <= time) count = Number(value)
  return count
}

export class Flood {
  readonly #program: Program
  readonly #rounds: number
  readonly #kinds: readonly ('control' | 'flood')[]

  constructor(program: Program, rounds: number, kinds: readonly ('control' | 'flood')[]) {
    this.#program = program
    this.#rounds = rounds
    this.#kinds = kinds
  }

  async begun(): Promise<void> {
    await this.#program.printed(/ready/)
  }

  async ended(): Promise<readonly FloodRound[]> {
    await this.#program.printed(new RegExp(`(round .*\\n){${this.#rounds}}`))
    const rounds = [...this.#program.stdout.matchAll(/^round (\d) (\d+) (\d+) (\d+)$/gm)]
    return rounds.map(([, kind, from, to, packets]) => ({
      kind: this.#kinds[Number(kind)] as 'control' | 'flood',
      from: Number(from),
      to: Number(to),
      packets: Number(packets),
    }))
  }
}

function interfaceOf(label: string): string {
  return `fl${process.pid}${label}`
}

/** As flood-source.mjs reads them. */
function packetsOf(messages: readonly FloodMessage[], port: number): Buffer {
  return Buffer.concat(
    messages.flatMap(({ bytes, from }) => {
      const segment = udpSegment({ sourcePort: from.port, destinationPort: port }, bytes)
      const source = from.address
      const packet =
        from.family === 4
          ? ipv4({ source, destination: GATEWAY.ipv4 }, segment)
          : ipv6({ source, destination: GATEWAY.ipv6 }, segment)
      return [Uint8Array.of(packet.length & 0xff, packet.length >> 8), packet]
    }),
  )
}
