import {
  Batch,
  bind,
  type Endpoint,
  HOST_SUPER_PACKETS,
  type HostSuperPackets,
  type IpPacket,
  type Layer,
  LOGGER,
  type RunningStack,
  runtimeWith,
  type Service,
  stack,
} from '@millrace/core'
import { SYSTEM_CALLS } from '@millrace/native'
import type { TunOptions } from '../options.ts'
import { tun as tunEndpoint } from '../tun.ts'
import type { FakeTun } from './fake-tun.ts'
import { hex } from './packets.ts'

interface Seen {
  readonly bytes: string
  readonly segments: number
  readonly turn: number
}

export interface TunRig {
  readonly running: RunningStack
  readonly offered: HostSuperPackets
  readonly seen: Seen[]
  readonly warnings: object[]
  send(packet: IpPacket): void
}

/** A stack on a fake TUN, with a wire that remembers what it is given and a line that may ask for super-packets. */
export async function startRig(tun: FakeTun, enable = true, options: TunOptions = {}): Promise<TunRig> {
  const seen: Seen[] = []
  const warnings: object[] = []
  let turn = 0
  let up: Service<IpPacket> = { serve() {} }
  let offered: HostSuperPackets | undefined
  const wire: Endpoint<IpPacket> = {
    connect: (service) => {
      up = service
      return {
        serve: (batch) => {
          turn++
          for (const { memory, offset, length, segments } of batch) {
            seen.push({ bytes: hex(memory.subarray(offset, offset + length)), segments, turn })
          }
        },
      }
    },
  }
  const asking: Layer<IpPacket> = {
    layer: (inner) => inner,
    start: (context) => {
      offered = context.require(HOST_SUPER_PACKETS, 'it is under test')
      if (enable) offered.enable()
    },
  }
  const logger = { debug() {}, info() {}, warn: (fields: object) => void warnings.push(fields), error() {} }
  const runtime = runtimeWith(bind(SYSTEM_CALLS, tun.system), bind(LOGGER, logger))
  const running = await stack(wire, { runtime })
    .layer(asking)
    .end(tunEndpoint({ fd: 5, ...options }))
    .start()
  const send = (packet: IpPacket): void => {
    const batch = new Batch<IpPacket>()
    batch.push(packet)
    up.serve(batch)
    packet.release()
  }
  return { running, offered: offered as HostSuperPackets, seen, warnings, send }
}
