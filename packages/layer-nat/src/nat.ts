import { nameOf } from './egress.ts'
import type { Exhaustion } from './exhaustion.ts'
import { metricsOf } from './metrics.ts'
import { type NatLayer, type RunningLayer, StatefulNat } from './nat-layer.ts'
import type { NatOptions } from './options.ts'
import { IPV4_RECORDS } from './record-addresses.ts'
import { RunningNat } from './running-nat.ts'
import { readOptions } from './settings.ts'
import { statisticsOf } from './statistics.ts'

/**
 * NAT to static IPv4 addresses: TCP, UDP and ICMP echo of all peers leave under `address` and the answers find back
 * (RFC 4787, RFC 5382, RFC 5508, RFC 7857, RFC 6888); docs/nat.md says how, item by item. Up is from the inside, down
 * from the outside.
 *
 *     stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers })).layer(allowedIps())
 *       .layer(nat({ address: '203.0.113.7' }))
 *       .end(tun({ name: 'egress0' }))
 */
export function nat(options: NatOptions): NatLayer {
  const settings = readOptions(options)
  return new StatefulNat({
    name: options.name ?? 'nat',
    pool: settings.addresses.map(nameOf),
    start: (context, neighbours, exhaustion) =>
      running(new RunningNat(settings, context, neighbours, exhaustion), exhaustion),
  })
}

function running(nat: RunningNat, exhaustion: Exhaustion): RunningLayer {
  return {
    serve: (batch, inner, up) => (up ? nat.serveUp(batch, inner) : nat.serveDown(batch, inner)),
    setDraining: (which, draining) => nat.table.egress.setDraining(which, draining),
    statistics: () => statisticsOf(nat, exhaustion),
    metrics: () => metricsOf({ ...nat.sources(), refused: exhaustion.refused() }),
    mappings: () => nat.mappings(),
    exportSessions: () => nat.exportSessions(),
    importSessions: (records, name) => nat.importSessions(records, name, IPV4_RECORDS),
    stop: () => nat.stop(),
  }
}
