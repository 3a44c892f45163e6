import { ConfigurationError } from '@millrace/core'
import { distinct, hostAddress, oneOf, whole } from './checks.ts'
import { nameOf } from './egress.ts'
import type { NatForward, NatOptions } from './options.ts'
import { TCP, UDP } from './protocols.ts'
import type { StaticAddress, StaticEndpoint } from './statics.ts'

/** One entry for each port. `pool` is the outside addresses as text. */
export function readForwards(forwards: readonly NatForward[], pool: readonly string[]): StaticEndpoint[] {
  const endpoints = forwards.flatMap((forward) => readForward(forward, pool))
  const ends = (side: 'inside' | 'outside'): string[] =>
    endpoints.map((end) => `${end.protocol === TCP ? 'tcp' : 'udp'} ${side} ${nameOf(end[side])}:${end[`${side}Port`]}`)
  distinct('forwards', ends('outside'))
  distinct('forwards', ends('inside'))
  return endpoints
}

function readForward({ protocol, port, to, toPort, address }: NatForward, pool: readonly string[]): StaticEndpoint[] {
  oneOf('forwards.protocol', protocol, ['tcp', 'udp'])
  const [first, last] = typeof port === 'number' ? [port, port] : port
  whole('forwards.port', first, 1, 65_535)
  whole('forwards.port', last, first, 65_535)
  const insidePort = toPort ?? first
  whole('forwards.toPort', insidePort, 1, 65_535 - (last - first))
  const outside = address ?? (pool[0] as string)
  if (!pool.includes(outside)) {
    throw new ConfigurationError(`nat forwards.address: expected an address of the NAT, got "${outside}"`)
  }
  const inside = hostAddress(to, 'nat forwards.to')
  const outsideNumber = hostAddress(outside, 'nat forwards.address')
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    protocol: protocol === 'tcp' ? TCP : UDP,
    inside,
    insidePort: insidePort + i,
    outside: outsideNumber,
    outsidePort: first + i,
  }))
}

export function readStaticAddresses(
  given: NonNullable<NatOptions['staticAddresses']>,
  pool: readonly string[],
): StaticAddress[] {
  const taken = given.find(({ outside }) => pool.includes(outside))
  if (taken !== undefined) {
    throw new ConfigurationError(
      `nat staticAddresses: expected an outside address that is not in the pool, got "${taken.outside}"`,
    )
  }
  distinct(
    'staticAddresses',
    given.map(({ outside }) => outside),
  )
  distinct(
    'staticAddresses',
    given.map(({ inside }) => inside),
  )
  return given.map(({ inside, outside }) => ({
    inside: hostAddress(inside, 'nat staticAddresses.inside'),
    outside: hostAddress(outside, 'nat staticAddresses.outside'),
  }))
}
