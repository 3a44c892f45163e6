import { ConfigurationError } from '@millrace/core'
import type { DialOptions } from '@millrace/layer-netstack'

/** Where a connection goes, and how; the names are those of `net.connect`. What it does not know is left aside. */
export interface TunnelConnectOptions extends DialOptions {
  readonly port: number | string
  /** A name, or an address. */
  readonly host?: string | null | undefined
  /** Addresses of this family only; 0 for both. */
  readonly family?: number | undefined
  /** As by `setTimeout` of the socket, milliseconds. */
  readonly timeout?: number | undefined
}

export type ConnectArguments =
  | readonly [options: TunnelConnectOptions, onConnect?: () => void]
  | readonly [port: number, host: string, onConnect?: () => void]

/** The arguments of `net.connect` as options and a listener. Throws a ConfigurationError. */
export function readConnectArguments(args: ConnectArguments): {
  readonly options: TunnelConnectOptions & { readonly host: string; readonly port: number }
  readonly onConnect: (() => void) | undefined
} {
  const [first, second, third] = args
  const options = typeof first === 'object' ? first : { port: first, host: second as string }
  const onConnect = typeof second === 'function' ? second : third
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ConfigurationError(`tunnel connect: expected a port from 1 to 65535, got ${options.port}`)
  }
  // Nothing stands for "this machine" inside a tunnel, so there is no default.
  const { host } = options
  if (typeof host !== 'string' || host === '') throw new ConfigurationError('tunnel connect: expected a host, got none')
  return { options: { ...options, host, port }, onConnect }
}
