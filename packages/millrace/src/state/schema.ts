import { ConfigurationError, parseAddress, parsePrefix } from '@millrace/core'
import { parseDestinationRule, readNameServer } from '@millrace/layer-netstack'
import { decodeKey } from '@millrace/layer-wireguard'
import * as v from 'valibot'
import { parsePublicHost } from './public-host.ts'
import { type GatewayState, INTERFACE_NAME, PEER_NAME, STATE_VERSION } from './state.ts'
import { Subnet } from './subnet.ts'

const key = text('a base64 key of 32 bytes', (value) => decodeKey(value, 'key'))
const address4 = text('an IPv4 address', (value) => {
  if (parseAddress(value).family !== 4) throw new Error('IPv6')
})
const address6 = text('an IPv6 address', (value) => {
  if (parseAddress(value).family !== 6) throw new Error('IPv4')
})
const anyAddress = text('an IP address', (value) => parseAddress(value))
const port = v.pipe(
  v.number('expected a port from 1 to 65535'),
  v.integer('expected a port from 1 to 65535'),
  v.minValue(1, 'expected a port from 1 to 65535'),
  v.maxValue(65_535, 'expected a port from 1 to 65535'),
)

const interfaceName = matching(INTERFACE_NAME, 'an interface name')

const peer = v.object(
  {
    name: matching(PEER_NAME, 'a name of 1 to 32 letters, digits, ".", "_" or "-"'),
    privateKey: key,
    publicKey: key,
    presharedKey: key,
    address: address4,
    address6,
    egressIp: v.optional(anyAddress),
  },
  objectProblem,
)

const peers = v.pipe(
  v.array(peer, 'expected a list of peers'),
  v.check((peers) => unique(peers.map(({ name }) => name)), 'expected a different name for each peer'),
  v.check((peers) => unique(peers.map(({ address }) => address)), 'expected a different address for each peer'),
  v.check((peers) => unique(peers.map(({ publicKey }) => publicKey)), 'expected a different key for each peer'),
)

const destinations = v.array(
  text('a destination', (value) => parseDestinationRule(value, 'destination')),
  'expected a list of destinations',
)

const egress = v.variant(
  'mode',
  [
    v.object(
      {
        mode: v.literal('rootless'),
        addresses: v.array(anyAddress, 'expected a list of addresses'),
        allow: destinations,
        deny: destinations,
        resolver: v.optional(text('an address, or ADDRESS:PORT', readNameServer)),
      },
      objectProblem,
    ),
    v.object({ mode: v.literal('tun'), address: address4 }, objectProblem),
    v.object({ mode: v.literal('kernel') }, objectProblem),
  ],
  'expected "rootless", "tun" or "kernel"',
)

const stateSchema = v.object(
  {
    version: v.literal(STATE_VERSION, `expected ${STATE_VERSION}`),
    privateKey: key,
    listenPort: port,
    public: v.optional(text('HOST, HOST:PORT or [IPV6]:PORT', (value) => parsePublicHost(value, 'public'))),
    endpoint: text('HOST:PORT or [IPV6]:PORT', (value) => {
      if (parsePublicHost(value, 'endpoint').port === undefined) throw new Error('no port')
    }),
    egress,
    subnet: text('an IPv4 network of /8 to /30', (value) => Subnet.parse(value, 'subnet')),
    subnet6: text('an IPv6 prefix of 64 bits', (value) => {
      const prefix = parsePrefix(value)
      if (prefix.family !== 6 || prefix.length !== 64) throw new Error('other')
    }),
    interface: interfaceName,
    outer: v.optional(interfaceName),
    dns: v.array(anyAddress, 'expected a list of addresses'),
    peers,
  },
  objectProblem,
)

/** Reads a state from the text of its file. A ConfigurationError names the file, the place in it and what was expected. */
export function parseState(json: string, file: string): GatewayState {
  let data: unknown
  try {
    data = JSON.parse(json)
  } catch {
    throw new ConfigurationError(`${file}: expected JSON`)
  }
  const version = typeof data === 'object' && data !== null && 'version' in data ? data.version : undefined
  if (typeof version === 'number' && version > STATE_VERSION) {
    throw new ConfigurationError(
      `${file}: version ${version} is newer than this program, which reads ${STATE_VERSION}: update millrace`,
    )
  }
  const result = v.safeParse(stateSchema, data, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  throw new ConfigurationError(`${file}: ${path === null ? '' : `${path}: `}${issue.message}`)
}

/** A key that is missing has its path already when this is called. */
function objectProblem(issue: v.BaseIssue<unknown>): string {
  return issue.path === undefined ? 'expected an object' : 'expected a value, found none'
}

function text(expected: string, parse: (value: string) => unknown): v.GenericSchema<string> {
  const accepts = (value: string): boolean => {
    try {
      parse(value)
      return true
    } catch {
      return false
    }
  }
  return v.pipe(v.string(`expected ${expected}`), v.check(accepts, `expected ${expected}`))
}

function matching(pattern: RegExp, expected: string): v.GenericSchema<string> {
  return text(expected, (value) => {
    if (!pattern.test(value)) throw new Error('other')
  })
}

function unique(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}
