import { existsSync, readFileSync } from 'node:fs'
import { bind, EnvironmentError, runtimeWith, stack } from '@millrace/core'
import { canPing } from '@millrace/layer-netstack'
import { udp } from '@millrace/layer-udp'
import { chooseCrypto } from '@millrace/layer-wireguard'
import { loadNative, SYSTEM_CALLS } from '@millrace/native'
import { canBind, sourceAddress } from '../gateway/bound-address.ts'
import { hasNetAdmin } from '../gateway/linux-host.ts'
import type { Finding } from './finding.ts'

/** A flow of TCP or UDP takes a file descriptor. */
const FEW_FILES = 10_000

export function cryptography(): Finding {
  const { name } = chooseCrypto()
  const isFast = name === 'openssl'
  return {
    name: 'crypto',
    state: isFast ? 'good' : 'limited',
    text: isFast ? 'openssl, by its inner functions' : `${name}, slower than OpenSSL's inner functions`,
  }
}

export function systemCalls(): Finding {
  const { reason } = loadNative()
  if (reason === undefined) return { name: 'system calls', state: 'good', text: 'by koffi' }
  return { name: 'system calls', state: 'limited', text: `none: ${reason}; UDP goes by node:dgram` }
}

/** Opens the port as a gateway would, and closes it again. */
export async function wire(port: number): Promise<Finding> {
  const end = udp({ port })
  try {
    const running = await stack(end, { runtime: runtimeWith(), pool: { slots: 1, jumboSlots: 1 } })
      .end({ connect: (down) => down })
      .start()
    const { native, offload } = end
    await running.stop()
    const text = native ? `UDP port ${port} is free; ${sends(offload.send)}` : `UDP port ${port} is free; no offload`
    return { name: 'wire', state: native && offload.send ? 'good' : 'limited', text }
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    return { name: 'wire', state: 'failed', text: error.message, advice: 'choose another port with --listen' }
  }
}

function sends(segmentation: boolean): string {
  return segmentation ? 'many datagrams a send (UDP_SEGMENT)' : 'one datagram a send: this kernel has no UDP_SEGMENT'
}

export function tunDevice(): Finding {
  const name = 'tun'
  if (process.platform !== 'linux') return { name, state: 'limited', text: 'Linux only; a rootless gateway needs none' }
  if (!existsSync('/dev/net/tun'))
    return { name, state: 'limited', text: 'no /dev/net/tun; a rootless gateway needs none' }
  if (hasNetAdmin(readFileSync('/proc/self/status', 'utf8')))
    return { name, state: 'good', text: '/dev/net/tun, with CAP_NET_ADMIN' }
  return { name, state: 'limited', text: 'needs root (CAP_NET_ADMIN); a rootless gateway needs none' }
}

export function pingSockets(): Finding {
  const name = 'ping'
  const system = runtimeWith(bind(SYSTEM_CALLS, loadNative().system)).get(SYSTEM_CALLS)
  if (system !== undefined && canPing(system))
    return { name, state: 'good', text: 'ping sockets: clients can ping through a rootless gateway' }
  return {
    name,
    state: 'limited',
    text: "no ping sockets: clients' pings through a rootless gateway get no answer",
    ...(process.platform === 'linux' ? { advice: 'as root: sysctl -w net.ipv4.ping_group_range="0 2147483647"' } : {}),
  }
}

export function openFiles(): Finding | undefined {
  const limit = process.platform === 'linux' ? readFileSync('/proc/self/limits', 'utf8') : ''
  const files = Number(/^Max open files +(\d+)/m.exec(limit)?.[1])
  if (Number.isNaN(files)) return undefined
  const text = `${files} open files, one for each flow of a rootless gateway`
  if (files >= FEW_FILES) return { name: 'flows', state: 'good', text }
  return { name: 'flows', state: 'limited', text, advice: 'raise it with ulimit -n, or LimitNOFILE= of systemd' }
}

/** `told`: what `--egress-ip` said. */
export async function egress(told: readonly string[]): Promise<readonly Finding[]> {
  if (told.length === 0) return ownAddresses(await sourceAddress(4), await sourceAddress(6))
  const findings: Finding[] = []
  for (const address of told) {
    const isHere = await canBind(address)
    const advice = 'add it to an interface (ip address add), or use --egress tun for an address that is routed here'
    findings.push({
      name: 'egress',
      state: isHere ? 'good' : 'failed',
      text: isHere ? `from ${address}` : `no interface of this machine has ${address}`,
      ...(isHere ? {} : { advice }),
    })
  }
  return findings
}

function ownAddresses(ipv4: string | undefined, ipv6: string | undefined): readonly Finding[] {
  const name = 'egress'
  const advice = 'name an address with --egress-ip'
  if (ipv4 === undefined && ipv6 === undefined) {
    return [{ name, state: 'failed', text: 'no default route, so no address to go out from', advice }]
  }
  return [
    ipv4 === undefined
      ? { name, state: 'limited', text: 'no IPv4 default route', advice }
      : { name, state: 'good', text: `IPv4 from ${ipv4}` },
    ipv6 === undefined
      ? { name, state: 'limited', text: "no IPv6: clients' IPv6 is refused, not leaked" }
      : { name, state: 'good', text: `IPv6 from ${ipv6}` },
  ]
}
