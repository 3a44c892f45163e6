import type { IpPacket } from '@millrace/core'
import type { Flow } from '../table/flow-table.ts'
import type { IncomingDatagram } from './datagram.ts'
import type { DatagramListener, UdpRemote } from './listener.ts'

/**
 * Hands the datagram, or each of several, to the owner of `flow`, as long as that keeps it and takes them. Returns why not
 * all of it went further, or undefined.
 */
export function deliver(
  listener: DatagramListener,
  flow: Flow,
  remote: UdpRemote,
  { memory }: IpPacket,
  { payload, length, unit }: IncomingDatagram,
): string | undefined {
  const { handle } = flow
  let from = payload
  do {
    const bytes = memory.subarray(from, Math.min(from + unit, payload + length))
    const reason = listener.datagram(handle, remote, bytes)
    if (reason !== undefined) return reason
    from += unit
  } while (from < payload + length && flow.handle === handle)
  return undefined
}
