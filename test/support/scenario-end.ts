import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Namespace } from './netns.ts'
import { Daemon, hasSocket } from './scenario-daemon.ts'
import type { WireguardProgram } from './scenario-programs.ts'

const PRESHARED_KEY = Buffer.alloc(32, 'pre-shared').toString('base64')
/** How long anything may take that is not an answer to a packet: to come up, to notice, to end. */
const WITHIN = { timeout: 10_000, interval: 20 }

export interface ScenarioEndOptions {
  readonly program: WireguardProgram
  /** 1 or 2: ports and addresses follow from it. */
  readonly number: number
  /** Where the interface is to be. */
  readonly namespace: Namespace
  readonly folder: string
}

/** One of the two WireGuard interfaces of a scenario, and what is asked of it with `wg` and `ip`. */
export class ScenarioEnd {
  readonly interface: string
  readonly namespace: Namespace
  readonly ipv4: string
  readonly ipv6: string
  readonly port: number
  readonly privateKey: string
  readonly publicKey: string
  readonly presharedKey: string = PRESHARED_KEY
  readonly #options: ScenarioEndOptions
  #daemon: Daemon | undefined

  constructor(options: ScenarioEndOptions) {
    const { number, namespace } = options
    this.#options = options
    this.interface = interfaceName(`e${number}`)
    this.namespace = namespace
    this.ipv4 = `192.168.241.${number}`
    this.ipv6 = `fd00::${number}`
    this.port = number * 10_000
    const keys = keyPair()
    this.privateKey = keys.privateKey
    this.publicKey = keys.publicKey
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error(`${this.interface} was not started`)
    return this.#daemon
  }

  async start(home: Namespace): Promise<void> {
    const { program, folder } = this.#options
    this.#daemon = await Daemon.start(program, this.interface, home, join(folder, `${this.interface}.log`))
  }

  moveToItsNamespace(): void {
    this.daemon.home.run('ip', 'link', 'set', this.interface, 'netns', this.namespace.name)
  }

  /** Addresses, keys, port and the peer, then up. */
  configure(peer: ScenarioEnd): void {
    this.namespace.run('ip', 'address', 'add', `${this.ipv4}/24`, 'dev', this.interface)
    this.namespace.run('ip', 'address', 'add', `${this.ipv6}/112`, 'dev', this.interface, 'nodad')
    this.set('private-key', this.#file('private', this.privateKey), 'listen-port', String(this.port))
    const allowedIps = ['allowed-ips', `${peer.ipv4}/32,${peer.ipv6}/128`]
    this.setPeer(peer, 'preshared-key', this.#file('preshared', this.presharedKey), ...allowedIps)
    this.namespace.run('ip', 'link', 'set', this.interface, 'up')
  }

  set(...settings: readonly string[]): void {
    this.namespace.run('wg', 'set', this.interface, ...settings)
  }

  setPeer({ publicKey }: { readonly publicKey: string }, ...settings: readonly string[]): void {
    this.set('peer', publicKey, ...settings)
  }

  setMtu(mtu: number): void {
    this.namespace.run('ip', 'link', 'set', this.interface, 'mtu', String(mtu))
  }

  /** Deletes the interface; the program must notice. */
  delete(): void {
    this.namespace.run('ip', 'link', 'del', this.interface)
  }

  /** Whether a process or a control socket of it is still there. */
  get leavesTraces(): boolean {
    return !this.daemon.ended || hasSocket(this.interface)
  }

  /** `wg showconf` or a part of `wg show`. */
  show(part: string): string {
    const command = part === 'showconf' ? ['showconf', this.interface] : ['show', this.interface, part]
    return this.namespace.run('wg', ...command).trim()
  }

  /** Where it believes its only peer, or this one, to be. */
  endpoint({ publicKey }: { readonly publicKey: string }): string | undefined {
    return rows(this.show('endpoints')).find(([key]) => key === publicKey)?.[1]
  }

  /** Bytes of its first peer, as `wg` counts them. */
  get transfer(): Counters {
    const [row = []] = rows(this.show('transfer'))
    return { received: Number(row[1]), sent: Number(row[2]) }
  }

  /** Bytes as the kernel counts them: received are those that WireGuard gave to it. */
  get link(): Counters {
    const [{ stats64 }] = JSON.parse(this.namespace.run('ip', '-s', '-j', 'link', 'show', this.interface))
    return { received: stats64.rx.bytes, sent: stats64.tx.bytes }
  }

  /** Waits for its sockets: they are opened when it sees that its interface is up. */
  listening(port: number = this.port): Promise<void> {
    return expect.poll(() => this.daemon.listensAt(port), { ...WITHIN, message: `port ${port}` }).toBe(true)
  }

  /** One ping, that has to be answered. The time is less than a handshake would need that is tried again. */
  ping(address: string): Promise<string> {
    return this.namespace.exec('ping', '-n', '-c', '1', '-W', '3', address)
  }

  /** The ping that begins a session may be early. */
  firstPing(address: string, timeout: number = WITHIN.timeout): Promise<void> {
    const ping = (): Promise<string> => this.namespace.exec('ping', '-n', '-c', '1', '-W', '1', address).catch(String)
    return expect.poll(ping, { ...WITHIN, timeout }).toContain('1 received')
  }

  #file(name: string, content: string): string {
    const path = join(this.#options.folder, `${this.interface}.${name}`)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }
}

export interface Counters {
  readonly received: number
  readonly sent: number
}

/** Tab-separated lines, as `wg show` prints them. */
export function rows(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split('\t'))
}

/** The name of an interface that no other process uses; at most 15 characters. */
export function interfaceName(label: string): string {
  return `mr${process.pid}${label}`
}

export function keyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const base64 = (text: string | undefined): string => Buffer.from(text ?? '', 'base64url').toString('base64')
  return { privateKey: base64(d), publicKey: base64(x) }
}
