import { ConfigurationError } from '@millrace/core'
import { whole } from './checks.ts'
import { nameOf } from './egress.ts'
import type { NatOptions } from './options.ts'
import type { BlockSize } from './port-blocks.ts'
import type { PortRange } from './ports.ts'
import type { StaticEndpoint } from './statics.ts'

const MAXIMUM_BLOCK = 4096
const MAXIMUM_BLOCKS_PER_PEER = 256
/** A peer whose ports are all in use has each of them looked at for what is new. */
const MAXIMUM_PORTS_PER_PEER = 16_384

export function readPorts({ ports = [1024, 65_535], reservedPorts = [] }: NatOptions): PortRange {
  const [first, last] = ports
  whole('ports', first, 1, 65_535)
  whole('ports', last, first, 65_535)
  for (const port of reservedPorts) whole('reservedPorts', port, 1, 65_535)
  const inRange = new Set(reservedPorts.filter((port) => port >= first && port <= last))
  if (inRange.size > last - first) {
    throw new ConfigurationError(`nat reservedPorts: expected at least one port of ${first} to ${last} to be left`)
  }
  return { first, last, reserved: reservedPorts }
}

export function readBlocks(
  { portBlocks, portBlockLog }: NatOptions,
  { first, last, reserved }: PortRange,
  addresses: readonly number[],
  endpoints: readonly StaticEndpoint[],
): BlockSize | undefined {
  if (portBlocks === undefined) {
    if (portBlockLog === undefined) return undefined
    throw new ConfigurationError('nat portBlockLog: expected portBlocks with it, as there is nothing else to log')
  }
  const { size, perPeer = 4 } = portBlocks
  whole('portBlocks.size', size, 1, Math.min(last - first + 1, MAXIMUM_BLOCK))
  const count = Math.floor((last - first + 1) / size)
  whole('portBlocks.perPeer', perPeer, 1, MAXIMUM_BLOCKS_PER_PEER)
  if (size * perPeer > MAXIMUM_PORTS_PER_PEER) {
    const got = `${size} × ${perPeer} = ${size * perPeer}`
    throw new ConfigurationError(
      `nat portBlocks: expected size × perPeer to be at most ${MAXIMUM_PORTS_PER_PEER} ports, got ${got}`,
    )
  }
  for (const address of addresses) {
    const forwarded = endpoints.filter(({ outside }) => outside === address).map(({ outsidePort }) => outsidePort)
    const lost = new Set([...reserved, ...forwarded].filter((port) => port >= first && port < first + count * size))
    if (lost.size < count * size) continue
    const what = `a port of the ${count} blocks of ${nameOf(address)} to be neither reserved nor forwarded`
    throw new ConfigurationError(`nat portBlocks: expected ${what}`)
  }
  return { size, perPeer }
}
