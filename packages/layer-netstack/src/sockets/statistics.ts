import type { IcmpErrorsStatistics } from '../icmp/icmp-errors.ts'
import type { TcpStatistics } from '../tcp/surroundings.ts'
import type { RunningSockets } from './running-sockets.ts'

/** What the rootless host end holds at the moment. */
export interface SocketsStatistics {
  /** Of all protocols. */
  readonly flows: number
  /** Connections being dialled. */
  readonly dials: number
  /** Of the connections to the clients. */
  readonly tcp: TcpStatistics
  readonly udpFlows: number
  readonly echoFlows: number
  /** Datagrams of which some fragments have not come, and bytes of those that have. */
  readonly reassembly: { readonly datagrams: number; readonly bytes: number }
  /** Errors sent to clients. */
  readonly icmpErrors: IcmpErrorsStatistics
  /** Flows that failed because the system did not let us have the egress address. */
  readonly addressFailures: number
  /** Why pings are refused: the system's error; undefined where they are relayed. */
  readonly pingUnavailable: string | undefined
}

export function statisticsOf(running: RunningSockets): SocketsStatistics {
  const { limits, tcp, udpRelay, echoRelay, reassembly, errors, notes } = running
  return {
    flows: limits.flows,
    dials: limits.dials,
    tcp: tcp.statistics,
    udpFlows: udpRelay.udp.flows,
    echoFlows: echoRelay.machine.flows,
    reassembly: { datagrams: reassembly.datagrams, bytes: reassembly.bytes },
    icmpErrors: errors.statistics,
    addressFailures: notes.addressFailures,
    pingUnavailable: echoRelay.unavailable,
  }
}
