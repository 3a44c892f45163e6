import type { Datagram, Endpoint, PoolOptions, Runtime } from '@millrace/core'
import type { TcpOptions } from '@millrace/layer-netstack'
import type { TunnelConfiguration } from './configuration.ts'
import type { Tunnel } from './tunnel.ts'

export interface TunnelOpenOptions {
  /** For the first handshake, milliseconds. Default 15,000. */
  readonly timeout?: number
  /** Gives up, or closes the tunnel later. */
  readonly signal?: AbortSignal
  /** Gives clock, randomness, logger and the rest. Default: that of `stack`. */
  readonly runtime?: Runtime
  /** Bounds of the packet memory. */
  readonly pool?: PoolOptions
  /** What datagrams travel by. Default: `udp` with the port and mark of the configuration. */
  readonly wire?: Endpoint<Datagram>
  /** Bounds and times of TCP inside. */
  readonly tcp?: Omit<TcpOptions, 'mtu' | 'superPackets'>
  /** How long a name server may take to answer before the next is asked, milliseconds. Default 2,000. */
  readonly dnsTimeout?: number
}

/**
 * Opens a WireGuard tunnel that belongs to this program alone: no root, no interface, no routes of the machine are
 * touched. What is dialled through it leaves through it or not at all.
 *
 *     await using tunnel = await connect('client.conf')
 *     const answer = await fetch('https://example.org/', { dispatcher: tunnel.dispatcher() })
 *
 * Resolves after the first handshake (at once if no peer has an endpoint). Rejects with a ConfigurationError for a
 * configuration that cannot be, with an EnvironmentError when there is no handshake in time. Commands, `Table` and
 * `SaveConfig` in a file mean nothing here.
 */
export async function connect(configuration: TunnelConfiguration, options: TunnelOpenOptions = {}): Promise<Tunnel> {
  // Loaded when it is wanted: whoever builds a gateway starts sooner without.
  const { openTunnel } = await import('./open-tunnel.ts')
  return openTunnel(configuration, options)
}
