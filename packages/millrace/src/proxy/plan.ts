import { isIPv4 } from 'node:net'
import { ConfigurationError } from '@millrace/core'
import { formatHostPort, type HostPort } from '@millrace/layer-wireguard'
import { readDestination, readListen, unexpected } from './read-endpoint.ts'

/** A port at one end of the tunnel that stands for one at the other. */
export interface Forward {
  readonly protocol: 'tcp' | 'udp'
  readonly listen: HostPort
  readonly to: HostPort
}

/** What the command line said about a proxy. */
export interface ProxyFlags {
  readonly socks5?: HostPort
  readonly http?: HostPort
  readonly forward?: readonly Forward[]
  readonly expose?: readonly Forward[]
  /** A file of names and passwords. */
  readonly auth?: string
  readonly open?: true
}

/** Each parser takes one option's text and throws a ConfigurationError that names the option. */
export const parseProxyFlag: {
  readonly socks5: (text: string) => HostPort
  readonly http: (text: string) => HostPort
  readonly forward: (text: string, before?: readonly Forward[]) => readonly Forward[]
  readonly expose: (text: string, before?: readonly Forward[]) => readonly Forward[]
  readonly auth: (text: string) => string
} = {
  socks5: (text) => readServer(text, '--socks5'),
  http: (text) => readServer(text, '--http'),
  forward(text, before = []) {
    const { protocol, left, right } = split(text)
    const listen = readListen(left, '127.0.0.1')
    const to = readDestination(right)
    if (listen !== undefined && to !== undefined) return [...before, { protocol, listen, to }]
    throw unexpected('--forward', '[udp:]LOCAL=REMOTE as in 127.0.0.1:8080=10.7.0.5:80', text)
  },
  expose(text, before = []) {
    const { protocol, left, right } = split(text)
    const listen = readListen(left, '::')
    const to = readDestination(right, '127.0.0.1')
    if (listen !== undefined && to !== undefined) return [...before, { protocol, listen, to }]
    throw unexpected('--expose', '[udp:]REMOTE=LOCAL as in 80=127.0.0.1:3000', text)
  },
  auth(text) {
    if (text === '') throw unexpected('--auth', 'a file of NAME:PASSWORD lines', text)
    return text
  },
}

/** Throws a ConfigurationError for flags that do not go together. */
export function checkProxyFlags(flags: ProxyFlags): void {
  const { socks5, http, forward = [], expose = [], auth, open } = flags
  if (socks5 === undefined && http === undefined && forward.length === 0 && expose.length === 0) {
    throw new ConfigurationError('proxy: expected --socks5, --http, --forward or --expose, got none of them')
  }
  if (auth !== undefined && open) throw new ConfigurationError('--open does not go with --auth')
  if (auth !== undefined && socks5 === undefined && http === undefined) {
    throw new ConfigurationError('--auth is for --socks5 and --http, and neither is given')
  }
  if (auth !== undefined || open) return
  for (const [option, listen] of [['--socks5', socks5] as const, ['--http', http] as const]) {
    if (listen === undefined || isLoopback(listen.host)) continue
    throw new ConfigurationError(
      `${option}: ${formatHostPort(listen)} would let other machines into the tunnel: ` +
        'ask them for a password with --auth FILE, or say --open',
    )
  }
}

function readServer(text: string, option: string): HostPort {
  const listen = readListen(text, '127.0.0.1')
  if (listen === undefined) throw unexpected(option, 'PORT, ADDRESS:PORT or [IPV6]:PORT', text)
  return listen
}

/** No part of an address holds a `=`. */
function split(text: string): { readonly protocol: 'tcp' | 'udp'; readonly left: string; readonly right: string } {
  const [, prefix, left = '', right = ''] = /^(?:(tcp|udp):)?([^=]*)=([^=]*)$/.exec(text) ?? []
  return { protocol: prefix === 'udp' ? 'udp' : 'tcp', left, right }
}

function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith('127.') : address === '::1'
}
