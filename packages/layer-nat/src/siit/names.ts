import { ipv4ToNumber, type Peer } from '@millrace/core'
import type { Owner } from '../accounts.ts'
import type { NatPortBlocks } from '../block-view.ts'
import type { LineLogOptions } from '../line-log.ts'
import type { NatMetric } from '../metrics.ts'
import type { NatEnd, NatMapping } from '../session-view.ts'
import type { Hosts } from './hosts.ts'

/** What the NAT for IPv4 says of numbers, with the IPv6 addresses that they stand for. Allocates, as all that is said. */
export class Names {
  readonly #hosts: Hosts
  readonly #isOutside6: boolean

  constructor(hosts: Hosts, isOutside6: boolean) {
    this.#hosts = hosts
    this.#isOutside6 = isOutside6
  }

  owner(owner: Owner): string {
    return typeof owner === 'number' ? this.#hosts.nameOf(owner) : owner.name
  }

  peer(owner: Owner): Peer | string {
    return typeof owner === 'number' ? this.#hosts.nameOf(owner) : owner
  }

  mapping(mapping: NatMapping): NatMapping {
    const { peer, inside, outside, remote } = mapping
    return {
      ...mapping,
      peer: typeof peer === 'string' ? this.#address(peer) : peer,
      inside: this.#end(inside),
      outside: this.#isOutside6 ? this.#end(outside) : outside,
      remote: this.#isOutside6 ? this.#end(remote) : remote,
    }
  }

  portBlocks(blocks: NatPortBlocks | undefined): NatPortBlocks | undefined {
    return (
      blocks && {
        ...blocks,
        inUse: blocks.inUse.map((block) => ({
          ...block,
          peer: typeof block.peer === 'string' ? this.#address(block.peer) : block.peer,
          address: this.#isOutside6 ? this.#address(block.address) : block.address,
        })),
      }
    )
  }

  metrics(metrics: readonly NatMetric[]): readonly NatMetric[] {
    if (!this.#isOutside6) return metrics
    return metrics.map((metric) => ({
      ...metric,
      samples: metric.samples.map(({ labels, value }) => {
        const { egress_ip: address } = labels
        return { labels: address === undefined ? labels : { ...labels, egress_ip: this.#address(address) }, value }
      }),
    }))
  }

  /** A log whose lines have these names. */
  log(log: LineLogOptions | undefined): LineLogOptions | undefined {
    return log && { ...log, write: (line) => log.write(this.#line(line)) }
  }

  #line(line: string): string {
    const fields: Record<string, unknown> = JSON.parse(line)
    for (const [key, value] of Object.entries(fields)) {
      if (typeof value !== 'string') continue
      if (key === 'peer' || (key === 'address' && this.#isOutside6)) fields[key] = this.#address(value)
      else if (key === 'inside' || (this.#isOutside6 && (key === 'outside' || key === 'remote'))) {
        const colon = value.lastIndexOf(':')
        fields[key] = `[${this.#address(value.slice(0, colon))}]${value.slice(colon)}`
      }
    }
    return JSON.stringify(fields)
  }

  #end({ address, port }: NatEnd): NatEnd {
    return { address: this.#address(address), port }
  }

  /** Text that is no number, as the name of a peer, stays. */
  #address(text: string): string {
    if (!/^[\d.]+$/.test(text)) return text
    const name = this.#hosts.nameOf(ipv4ToNumber(text))
    return name === '?' ? text : name
  }
}
