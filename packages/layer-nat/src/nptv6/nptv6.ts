import {
  type Batch,
  ConfigurationError,
  type Context,
  type DuplexLayer,
  type IpPacket,
  type Layer,
  type Prefix,
  parsePrefix,
  type Service,
} from '@millrace/core'
import type { Neighbours } from '../running-nat.ts'
import { hostAddress6, innerMtu } from '../siit/read-options.ts'
import { PrefixMapping } from './prefix-mapping.ts'
import { RunningNptv6 } from './running-nptv6.ts'

export interface Nptv6Options {
  /** Prefix of the peers, a ULA most often: `fd00:1::/48`. From /1 to /112. */
  readonly inside: string
  /** Prefix under which they appear outside. Of different lengths, the shorter is filled with zeros. */
  readonly outside: string
  /** Whom errors to the inside come from: the gateway's address in the tunnel. Default: the address that was spoken to. */
  readonly gatewayAddress?: string
  /** Default true: what the inside sends to an address of `outside` comes back to the inside. */
  readonly hairpin?: boolean
  /** Of the tunnel, bytes: what is larger is answered. Default 1420. */
  readonly mtu?: number
  /** Default true: this is a router, traceroute shows it, and loops end here. */
  readonly decrementHopLimit?: boolean
  readonly name?: string
}

export interface Nptv6Layer extends DuplexLayer<IpPacket> {
  readonly name: string
}

/** Beyond, no word is left to take up the difference. */
const LONGEST = 112

/**
 * NPTv6: each inside address has an outside one of its own, with another prefix, and no checksum changes (RFC 6296). It
 * keeps no state and lets in whoever comes: put a `filter` behind it. Packets of other prefixes pass as they are, IPv4 too.
 *
 *     .layer(nptv6({ inside: 'fd00:1::/48', outside: '2001:db8:1::/48' }))
 *
 * Drops: `ttl-exceeded`, `packet-too-big`, `hairpin-refused`, `source-is-nat-address`, `source-is-inside-address`,
 * `address-not-translated`, `icmp-error-truncated`, `icmp-error-invalid`.
 */
export function nptv6(options: Nptv6Options): Nptv6Layer {
  const inside = prefixOf(options.inside, 'nptv6 inside')
  const outside = prefixOf(options.outside, 'nptv6 outside')
  const mapping = new PrefixMapping(inside, outside)
  const { hairpin = true, mtu = 1420, decrementHopLimit = true, gatewayAddress, name = 'nptv6' } = options
  if (mapping.isInside(viewOf(outside), 0)) {
    throw new ConfigurationError(`nptv6 outside: expected another prefix than inside, got "${options.outside}"`)
  }
  innerMtu(mtu, 'nptv6 mtu')
  const gateway = gatewayAddress === undefined ? undefined : hostAddress6(gatewayAddress, 'nptv6 gatewayAddress')
  const settings = { mapping, hairpin, mtu, decrementHopLimit, gateway }
  return new Nptv6(name, (context, neighbours) => new RunningNptv6(settings, context, neighbours))
}

class Nptv6 implements Nptv6Layer {
  readonly name: string
  readonly up: Layer<IpPacket>
  readonly down: Layer<IpPacket>
  readonly #run: (context: Context, neighbours: Neighbours) => RunningNptv6
  readonly #neighbours: Neighbours = { host: undefined, wire: undefined }
  #running: RunningNptv6 | undefined

  constructor(name: string, run: (context: Context, neighbours: Neighbours) => RunningNptv6) {
    this.name = name
    this.#run = run
    this.up = {
      layer: (inner) => {
        this.#neighbours.host = inner
        return { serve: (batch) => this.#serve(batch, inner, true) }
      },
    }
    this.down = {
      layer: (inner) => {
        this.#neighbours.wire = inner
        return { serve: (batch) => this.#serve(batch, inner, false) }
      },
    }
  }

  start(context: Context): void {
    this.#running = this.#run(context, this.#neighbours)
  }

  #serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void {
    if (this.#running === undefined) batch.sift(refuse)
    else if (up) this.#running.serveUp(batch, inner)
    else this.#running.serveDown(batch, inner)
  }
}

function refuse(): string {
  return 'nat-not-started'
}

function prefixOf(text: string, what: string): Prefix {
  const prefix = parsePrefix(text, what)
  if (prefix.family === 6 && prefix.length >= 1 && prefix.length <= LONGEST) return prefix
  throw new ConfigurationError(`${what}: expected an IPv6 prefix of length 1 to ${LONGEST}, got "${text}"`)
}

function viewOf({ bytes }: Prefix): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, 16)
}
