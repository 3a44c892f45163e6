import { isIP } from 'node:net'
import { ConfigurationError, type Prefix, parsePrefix, parseSocketAddress, type SocketAddress } from '@millrace/core'
import type { HostPort } from './config/config.ts'
import { isHostName } from './config/values.ts'
import { decodeKey, encodeKey } from './keys.ts'

/** A peer as a person writes it. Keys are base64, as `wg` has them. */
export interface PeerOptions {
  readonly publicKey: string
  /** Mixed into the handshake; both sides must have the same. Default: none. */
  readonly presharedKey?: string
  /**
   * Where it is: `192.0.2.1:51820`, `[2001:db8::1]:51820`, or `vpn.example.org:51820`, which is looked up at the start
   * and again while it does not answer. Default: learnt when it speaks.
   */
  readonly endpoint?: string
  /** Prefixes that are its: `10.0.0.2/32`. A prefix that another peer had moves here. */
  readonly allowedIps: readonly string[]
  /** Seconds between empty packets that keep a NAT on the way open, 0 (off, the default) to 65,535. */
  readonly persistentKeepalive?: number
  /** What logs and events call it. Default: the beginning of its public key. */
  readonly name?: string
}

/** {@link PeerOptions} in binary form. */
export interface ParsedPeer {
  readonly publicKey: Uint8Array
  readonly id: string
  readonly name: string | undefined
  readonly presharedKey: Uint8Array | undefined
  readonly endpoint: SocketAddress | undefined
  /** Where the endpoint is a name, still to be looked up. */
  readonly endpointName: HostPort | undefined
  readonly allowedIps: readonly Prefix[]
  /** Seconds. */
  readonly persistentKeepalive: number
}

/** Throws a ConfigurationError that names the peer and the option. */
export function parsePeer(options: PeerOptions): ParsedPeer {
  const who = options.name === undefined ? 'peer' : `peer ${options.name}`
  const publicKey = decodeKey(options.publicKey, `${who} publicKey`)
  const changes = parsePeerChanges(options.name ?? options.publicKey, options)
  return {
    publicKey,
    id: encodeKey(publicKey),
    name: options.name,
    presharedKey: changes.presharedKey,
    endpoint: changes.endpoint,
    endpointName: changes.endpointName,
    allowedIps: changes.allowedIps ?? [],
    persistentKeepalive: changes.persistentKeepalive ?? 0,
  }
}

/** As {@link parsePeer}, of what is given only. */
export function parsePeerChanges(who: string, options: Partial<PeerOptions>): Partial<ParsedPeer> {
  const { name, presharedKey, endpoint, allowedIps, persistentKeepalive } = options
  if (persistentKeepalive !== undefined) checkKeepalive(who, persistentKeepalive)
  return {
    ...(name === undefined ? {} : { name }),
    ...(presharedKey === undefined ? {} : { presharedKey: decodeKey(presharedKey, `peer ${who} presharedKey`) }),
    ...(endpoint === undefined ? {} : parseEndpoint(endpoint, `peer ${who} endpoint`)),
    ...(allowedIps === undefined
      ? {}
      : { allowedIps: allowedIps.map((prefix) => parsePrefix(prefix, `peer ${who} allowedIps`)) }),
    ...(persistentKeepalive === undefined ? {} : { persistentKeepalive }),
  }
}

/** An address, or a name that is still to be looked up; the one takes the place of the other. */
function parseEndpoint(text: string, what: string): Pick<ParsedPeer, 'endpoint' | 'endpointName'> {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon)
  const port = Number(text.slice(colon + 1))
  if (isIP(host) !== 0 || !isHostName(host) || !(port >= 1 && port <= 65_535)) {
    return { endpoint: parseSocketAddress(text, what), endpointName: undefined }
  }
  return { endpoint: undefined, endpointName: { host, port } }
}

function checkKeepalive(who: string, seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 65_535) return
  throw new ConfigurationError(`peer ${who} persistentKeepalive: expected seconds from 0 to 65535, got ${seconds}`)
}

/** Threads that one layer may have. More than the cores of a machine are of no use. */
const MAX_THREADS = 64

/** Throws a ConfigurationError. */
export function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return
  throw new ConfigurationError(`wireguard threads: expected a number from 1 to ${MAX_THREADS}, got ${threads}`)
}
