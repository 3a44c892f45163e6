// A client, a gateway and a server in namespaces of their own, with a cable from each to the next:
//
//     0 client ── 192.0.2.0/24 ── 1 gateway ── 198.51.100.0/24 ── 2 server
//
// There is no route around the gateway, and the kernel forwards nothing. Only the tunnel's own packets may be larger than
// the MTU inside of it.
import { readFileSync } from 'node:fs'
import { run, World } from './world.mjs'

export const MTU = 1420
export const SERVER = '198.51.100.2'
/** From which the gateway's sockets go out. */
export const EGRESS = '198.51.100.1'
/** Where clients find the gateway. */
export const GATEWAY = '192.0.2.2'

/** Namespaces by their place. */
export const CLIENT_END = 0
export const GATEWAY_END = 1
export const SERVER_END = 2

/**
 * How the kernels' TCPs find their speed: as Linux does by itself, or Reno where cubic is not allowed. A machine that
 * prefers bbr would have it measured: with more at work than cores, its pacing halves what all of the gateways do.
 */
export function congestionControl() {
  const allowed = readFileSync('/proc/sys/net/ipv4/tcp_allowed_congestion_control', 'utf8').trim().split(' ')
  return allowed.includes('cubic') ? 'cubic' : 'reno'
}

const SERVER_NAMESPACE = `millrace-bench-${process.pid}-${SERVER_END}`

export class RootlessWorld extends World {
  /** Where the client's namespace can be opened. */
  clientNamespace = `/run/netns/millrace-bench-${process.pid}-${CLIENT_END}`
  #removed

  async make() {
    await super.make()
    await run(['ip', 'netns', 'add', SERVER_NAMESPACE])
    await this.run(GATEWAY_END, [
      'ip',
      'link',
      'add',
      'eth1',
      'type',
      'veth',
      'peer',
      'eth0',
      'netns',
      SERVER_NAMESPACE,
    ])
    await this.#up(GATEWAY_END, 'eth1', EGRESS)
    await this.#up(SERVER_END, 'eth0', SERVER)
    await this.run(SERVER_END, ['ip', 'link', 'set', 'lo', 'up'])
    const sysctl = ['sysctl', '-qw', `net.ipv4.tcp_congestion_control=${congestionControl()}`]
    for (const end of [CLIENT_END, GATEWAY_END, SERVER_END]) await this.run(end, sysctl)
    // By this some gateways find the interface that leads out.
    await this.run(GATEWAY_END, ['ip', 'route', 'add', 'default', 'via', SERVER])
  }

  run(end, command, options) {
    return end === SERVER_END ? super.run(GATEWAY_END, inServer(command), options) : super.run(end, command, options)
  }

  start(end, command, env) {
    return end === SERVER_END ? super.start(GATEWAY_END, inServer(command), env) : super.start(end, command, env)
  }

  remove() {
    this.#removed ??= this.#remove()
    return this.#removed
  }

  async #remove() {
    await super.remove()
    await run(['ip', 'netns', 'del', SERVER_NAMESPACE]).catch(() => {}) // it may never have been made
  }

  async #up(end, device, address) {
    await this.run(end, ['ip', 'address', 'add', `${address}/24`, 'dev', device])
    await this.run(end, ['ip', 'link', 'set', device, 'mtu', `${MTU}`, 'up'])
  }
}

const inServer = (command) => ['ip', 'netns', 'exec', SERVER_NAMESPACE, ...command]
