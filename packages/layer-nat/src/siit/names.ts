import { ipv4ToNumber, type Peer } from '@millrace/core'
import type { Owner } from '../accounts.ts'
import type { NatPortBlocks } from '../block-view.ts'
import type { LineLogOptions } from '../line-log.ts'
import type { NatMetric } from '../metrics.ts'
import type { NatRecord } from '../session-records.ts'
import type { NatEnd, NatMapping } from '../session-view.ts'
import type { NatStatistics } from '../statistics.ts'
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

  mapping(mapping: NatMapping): NatMapping {
    const { peer, inside, outside, remote } = mapping
    return {
      ...mapping,
      peer: this.#peer(peer),
      inside: this.#end(inside),
      outside: this.#outsideEnd(outside),
      remote: this.#outsideEnd(remote),
    }
  }

  *records(records: Iterable<NatRecord>): Generator<NatRecord> {
    for (const record of records) {
      if (record.kind === 'header') yield record
      else if (record.kind === 'session') {
        const [outside, remote] = [this.#outsideEnd(record.outside), this.#outsideEnd(record.remote)]
        yield { ...record, inside: this.#end(record.inside), outside, remote }
      } else {
        const { inside, address } = record
        const owner = inside === undefined ? {} : { inside: this.#address(inside) }
        yield { ...record, ...owner, address: this.#outsideAddress(address) }
      }
    }
  }

  statistics(statistics: NatStatistics): NatStatistics {
    return {
      ...statistics,
      peers: statistics.peers.map((each) => ({ ...each, peer: this.#peer(each.peer) })),
      portBlocks: this.#portBlocks(statistics.portBlocks),
    }
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

  #portBlocks(blocks: NatPortBlocks | undefined): NatPortBlocks | undefined {
    return (
      blocks && {
        ...blocks,
        inUse: blocks.inUse.map((block) => ({
          ...block,
          peer: this.#peer(block.peer),
          address: this.#outsideAddress(block.address),
        })),
      }
    )
  }

  #peer(peer: Peer | string): Peer | string {
    return typeof peer === 'string' ? this.#address(peer) : peer
  }

  #end({ address, port }: NatEnd): NatEnd {
    return { address: this.#address(address), port }
  }

  #outsideEnd(end: NatEnd): NatEnd {
    return this.#isOutside6 ? this.#end(end) : end
  }

  #outsideAddress(text: string): string {
    return this.#isOutside6 ? this.#address(text) : text
  }

  /** Text that is no number, as the name of a peer, stays. */
  #address(text: string): string {
    if (!/^[\d.]+$/.test(text)) return text
    const name = this.#hosts.nameOf(ipv4ToNumber(text))
    return name === '?' ? text : name
  }
}
