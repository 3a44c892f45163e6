import { publicKeyOf } from '@millrace/layer-wireguard'
import { clientConfig } from '../client/config-text.ts'
import { qrCode } from '../client/qr.ts'
import type { GatewayState, PeerRecord } from '../state/state.ts'
import { Subnet } from '../state/subnet.ts'

/** A running gateway, as it is told to people and programs. */
export interface Presentation {
  readonly state: GatewayState
  /** The names of the lines, from the wire up. */
  readonly lines: readonly string[]
  /** Interface to the outside; undefined for rootless egress. */
  readonly outer: string | undefined
  /** The addresses that the world sees; none if there is no telling. */
  readonly egressIps: readonly string[]
  /** On the first run, the client that was made. */
  readonly firstPeer: PeerRecord | undefined
  readonly directory: string
}

/** What the gateway prints when it is up. */
export function presentGateway(shown: Presentation): string {
  const { state, firstPeer, directory } = shown
  const next = `To add a client:  millrace peer add NAME --state ${directory}\nTo stop:          Ctrl-C; everything is put back as it was\n`
  if (firstPeer === undefined) return `${picture(shown)}\n${next}`
  const config = clientConfig(state, firstPeer)
  return `${picture(shown)}
The first client, ${firstPeer.name}. Save this on it as /etc/wireguard/millrace.conf and run \`wg-quick up millrace\`:

${config}
Or scan it with the WireGuard app of a phone:

${qrCode(config)}
To see it again:  millrace peer show ${firstPeer.name} --qr --state ${directory}
${next}`
}

/** The same for a program: one object. */
export function describeGateway({ state, lines, egressIps, outer, firstPeer }: Presentation): object {
  return {
    event: 'ready',
    stack: lines,
    publicKey: publicKeyOf(state.privateKey),
    endpoint: state.endpoint,
    egress: state.egress.mode,
    egressIps,
    ...(outer === undefined ? {} : { outer, interface: state.interface }),
    subnet: state.subnet,
    peers: state.peers.length,
    ...(firstPeer === undefined ? {} : { firstPeer: { name: firstPeer.name, config: clientConfig(state, firstPeer) } }),
  }
}

function picture({ state, lines, egressIps, outer }: Presentation): string {
  const width = Math.max(...lines.map((line) => line.length))
  const notes = lineNotes(state, outer)
  const drawn = lines.map((line) => `    │  ${line.padEnd(width)}  ${notes[line] ?? ''}`.trimEnd())
  const clients = state.peers.length === 1 ? '1 client' : `${state.peers.length} clients`
  return `
  ${clients}, at ${state.endpoint}
    │
${drawn.join('\n')}
    ▼
  the Internet, from ${egressIps.length === 0 ? `the address of ${outer}` : egressIps.join(' and ')}
`
}

function lineNotes(state: GatewayState, outer: string | undefined): Readonly<Record<string, string>> {
  const { egress } = state
  const leaves = egress.mode === 'tun' ? `${egress.address} answered for on ${outer}` : 'nftables masquerade'
  return {
    udp: `port ${state.listenPort}, IPv4 and IPv6`,
    wireguard: `public key ${publicKeyOf(state.privateKey)}`,
    allowedIps: 'each client from its own address only',
    log: 'some packets, one line each',
    'no-ipv6': 'refused: no way out for it',
    'access-policy': 'no other clients, no link-local, no loopback',
    nat: egress.mode === 'tun' ? `to ${egress.address}` : '',
    tun: `${state.interface}, ${Subnet.parse(state.subnet, 'subnet').gateway}; ${leaves}`,
    sockets: 'ordinary sockets: no root; no private networks, nothing of this host',
  }
}
