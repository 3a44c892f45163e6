import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { socketOf } from './millrace-wg.ts'
import { cable, Namespace, type Program } from './netns.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const MAIN = here('../../packages/millrace/dist/cli/main.js')
const SERVER = here('rootless-gateway-server.mjs')
const CLIENT = here('rootless-gateway-client.mjs')

/** Where clients find the gateway. */
export const GATEWAY = '198.51.100.1'
export const PORT = 51_820
/** The gateway's own on the server's network, none of which is an egress address. */
export const GATEWAY_OUTSIDE = '203.0.113.1'
export const EGRESS = ['203.0.113.7', '203.0.113.8'] as const
export const EGRESS6 = '2001:db8:1::7'
export const SERVER_ADDRESS = '203.0.113.100'
export const SERVER_ADDRESS6 = '2001:db8:1::100'
/** At the server, and nothing ever answers there. */
export const BLACK_HOLE = '203.0.113.101'
/** nobody, on every Linux. */
const NOBODY = 65_534
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs']
const WITHOUT_CAPABILITIES = ['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all']

/**
 * Two clients, a gateway that nobody runs, and a server:
 *
 *     client, second ── 198.51.100.0/24, 192.0.2.0/24 ── gateway ── 203.0.113.0/24, 2001:db8:1::/64 ── server
 */
export class RootlessWorld {
  readonly client: Namespace = new Namespace('client')
  readonly second: Namespace = new Namespace('second')
  readonly gateway: Namespace = new Namespace('gateway')
  readonly server: Namespace = new Namespace('server')
  readonly folder: string = mkdtempSync(join(tmpdir(), 'millrace-'))
  readonly #state = join(this.folder, 'home', 'state')
  #outside: Program | undefined
  #forgotten = 0
  #trap: Program | undefined
  #capture: Program | undefined
  readonly #connected: Namespace[] = []

  async open(): Promise<void> {
    const { client, second, gateway, server } = this
    const home = join(this.folder, 'home')
    gateway.run('install', '-d', '-o', `${NOBODY}`, '-g', `${NOBODY}`, home)
    gateway.run('chmod', '711', this.folder)
    cable(client, 'eth0', ['198.51.100.2/24'], gateway, 'outer0', [`${GATEWAY}/24`])
    cable(second, 'eth0', ['192.0.2.2/24'], gateway, 'outer1', ['192.0.2.1/24'])
    const outside = [GATEWAY_OUTSIDE, ...EGRESS].map((address) => `${address}/24`)
    const servers = [`${SERVER_ADDRESS}/24`, `${BLACK_HOLE}/24`, `${SERVER_ADDRESS6}/64`]
    cable(gateway, 'inside0', [...outside, '2001:db8:1::1/64', `${EGRESS6}/64`], server, 'eth0', servers)
    client.run('ip', 'route', 'add', 'default', 'via', GATEWAY)
    second.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1')
    gateway.run('ip', 'route', 'add', 'default', 'via', SERVER_ADDRESS)
    server.run('nft', `add table ip hole; add chain ip hole in { type filter hook input priority 0; }`)
    server.run('nft', `add rule ip hole in ip daddr ${BLACK_HOLE} drop`)
    this.allowPing(true)
    // What would be reached if the gateway let clients reach its own host.
    const trap = gateway.start('node', SERVER)
    this.#outside = server.start('node', SERVER)
    const others = EGRESS.map((address) => `not src host ${address}`).join(' and ')
    const filter = `dst host ${SERVER_ADDRESS} and ${others}`
    const capture = ['tcpdump', '-Z', 'root', '-l', '-n', '-i', 'eth0', '--immediate-mode']
    this.#capture = server.start(...capture, `ip and ${filter}`)
    await Promise.all([trap.printed(/ready/), this.#outside.printed(/ready/)])
    this.#trap = trap
  }

  async close(): Promise<void> {
    await this.disconnect().catch(() => {})
    for (const namespace of [this.client, this.second, this.gateway, this.server]) await namespace.remove()
    // Of a program that did not come to its own end.
    for (const client of [this.client, this.second]) rmSync(socketOf(interfaceOf(client)), { force: true })
    rmSync(this.folder, { recursive: true })
  }

  allowPing(allowed: boolean): void {
    this.gateway.run('sysctl', '-qw', `net.ipv4.ping_group_range=${allowed ? '0 2147483647' : '1 0'}`)
  }

  /** `millrace gateway`, as nobody and without capabilities; resolves when it is up. */
  async startGateway(...egressIps: readonly string[]): Promise<Program> {
    const options = ['--state', this.#state, '--public', GATEWAY, '--egress-ip', egressIps.join(',')]
    const command = [...AS_NOBODY, ...WITHOUT_CAPABILITIES, process.execPath, MAIN, 'gateway', ...options]
    const gateway = this.gateway.start(...command)
    await gateway.printed(/To stop/)
    return gateway
  }

  /** The process in a namespace whose command line has this in it. */
  pidOf(namespace: Namespace, part: string): number {
    const found = namespace.pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(part))
    if (found === undefined) throw new Error(`no process of ${part} in ${namespace.name}`)
    return found
  }

  /** `millrace peer add`, as nobody; the configuration that it prints. */
  addPeer(name: string, ...options: readonly string[]): string {
    const command = [process.execPath, MAIN, 'peer', 'add', name, '--state', this.#state, ...options]
    return this.gateway.run(...AS_NOBODY, ...command)
  }

  /** The configuration as a client takes it; `program` is its userspace WireGuard. */
  async connect(client: Namespace, configuration: string, program: string): Promise<void> {
    const path = this.#configuration(client)
    writeFileSync(path, configuration, { mode: 0o600 })
    this.#connected.push(client)
    await client.exec('env', `WG_QUICK_USERSPACE_IMPLEMENTATION=${program}`, 'wg-quick', 'up', path)
  }

  /** Begins a new session at once; interface and connections stay. */
  async reconnect(client: Namespace): Promise<void> {
    const configuration = await client.exec('wg-quick', 'strip', this.#configuration(client))
    const publicKey = /^PublicKey = (.+)$/m.exec(configuration)?.[1] ?? ''
    const peer = join(this.folder, 'peer')
    writeFileSync(peer, configuration.slice(configuration.indexOf('[Peer]')), { mode: 0o600 })
    const name = interfaceOf(client)
    await client.exec('wg', 'set', name, 'peer', publicKey, 'remove')
    await client.exec('wg', 'addconf', name, peer)
  }

  async disconnect(): Promise<void> {
    for (const client of this.#connected.splice(0)) await client.exec('wg-quick', 'down', this.#configuration(client))
  }

  #configuration(client: Namespace): string {
    return join(this.folder, `${interfaceOf(client)}.conf`)
  }

  /** A script as a program that wg-quick can start. */
  program(script: string): string {
    const path = join(this.folder, 'program')
    writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`, { mode: 0o755 })
    return path
  }

  /** What rootless-gateway-client.mjs prints. */
  async does(client: Namespace, ...words: readonly string[]): Promise<string> {
    return (await client.exec('node', CLIENT, ...words)).trim()
  }

  /** The same, of one that stays. */
  starts(client: Namespace, ...words: readonly string[]): Program {
    return client.start('node', CLIENT, ...words)
  }

  /** Sha256 of so many bytes from the server, over whichever network leads there. */
  async download(client: Namespace, size: number, ...options: readonly string[]): Promise<string> {
    const path = this.#fileOf(client)
    rmSync(path, { force: true })
    const limits = ['--max-time', '50', ...options]
    await client.exec('curl', '-sS', '--fail', ...limits, '-o', path, `http://${SERVER_ADDRESS}/${size}`)
    return (await client.exec('sha256sum', path)).slice(0, 64)
  }

  /** Bytes of the download under way. */
  downloaded(client: Namespace): number {
    return statSync(this.#fileOf(client), { throwIfNoEntry: false })?.size ?? 0
  }

  /** Packets that have come in over its cable. */
  received(namespace: Namespace): number {
    const devices = readFileSync(`/proc/${namespace.pids[0]}/net/dev`, 'utf8')
    return Number(/eth0: *\d+ +(\d+)/.exec(devices)?.[1])
  }

  #fileOf(client: Namespace): string {
    return join(this.folder, client.name)
  }

  /** Lines of the server but the first. */
  get seen(): readonly string[] {
    return linesOf(this.#outside).slice(this.#forgotten)
  }

  /** From here on, `seen` is what comes anew. */
  forgetSeen(): void {
    this.#forgotten = linesOf(this.#outside).length
  }

  /** What has come to the host of the gateway, and packets of the gateway's from other than its egress addresses. */
  get leaks(): readonly string[] {
    return [...linesOf(this.#trap), ...(this.#capture?.stdout.split('\n').filter(Boolean) ?? [])]
  }

  /** From which addresses the server has seen these things. */
  sources(...kinds: readonly string[]): ReadonlySet<string> {
    const words = this.seen.map((line) => line.split(' '))
    return new Set(words.filter(([kind]) => kinds.includes(kind ?? '')).map(([, address]) => address ?? ''))
  }
}

/** The control sockets of all namespaces lie in one folder. */
function interfaceOf({ name }: Namespace): string {
  return `rg${process.pid}${name.at(-1)}`
}

function linesOf(program: Program | undefined): readonly string[] {
  return (program?.stdout ?? '').split('\n').filter((line) => line !== '' && line !== 'ready')
}
