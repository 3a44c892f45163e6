import { ConfigurationError, parseAddress, parsePrefix, prefixContains } from '@millrace/core'
import type { Subnet } from '../state/subnet.ts'

/** Neither unspecified, for which the system would choose, nor loopback, multicast or reserved. */
const NO_EGRESS = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8', '::ffff:0:0/96'].map((text) =>
  parsePrefix(text),
)

/** Throws a ConfigurationError unless flows can leave from the address. */
export function checkEgressAddress(address: string, subnet: Subnet): void {
  const { family, bytes } = parseAddress(address, '--egress-ip')
  if (NO_EGRESS.some((prefix) => prefix.family === family && prefixContains(prefix, bytes, 0))) {
    throw new ConfigurationError(`--egress-ip: expected a unicast address, got ${address}`)
  }
  if (family === 4 && subnet.contains(address)) {
    throw new ConfigurationError(`--egress-ip: ${address} lies in the tunnel's own subnet ${subnet.text}`)
  }
}
