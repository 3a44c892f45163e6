import {
  bind,
  CLOCK,
  type Clock,
  filter,
  HOST_SUPER_PACKETS,
  type IpPacket,
  type PoolOptions,
  type RunningStack,
  runtimeWith,
  stack,
} from '@millrace/core'
import { netstack } from '../host/netstack.ts'
import type { NetstackEndpoint } from '../host/netstack-endpoint.ts'
import type { NetstackOptions } from '../host/options.ts'

export const NEAR = '10.0.0.1'
export const FAR = '10.0.0.2'
export const FAR6 = 'fd00::2'

export interface TwoNetstacksOptions {
  readonly near?: Partial<NetstackOptions>
  readonly far?: Partial<NetstackOptions>
  readonly clock?: Clock
  readonly pool?: PoolOptions
  /** Whether a packet gets through. */
  readonly passes?: (packet: IpPacket) => boolean
  /** Whether the line in between asks for super-packets, as one that cuts them would. */
  readonly enable?: boolean
}

/** Two hosts at the two ends of one stack. */
export interface TwoNetstacks {
  readonly near: NetstackEndpoint
  readonly far: NetstackEndpoint
  readonly running: RunningStack
  /** Packets dropped, by reason. */
  drops(): Record<string, number>
}

export async function startTwoNetstacks(options: TwoNetstacksOptions = {}): Promise<TwoNetstacks> {
  const { clock, pool = { slots: 1024, jumboSlots: 32 }, passes = () => true, enable = false } = options
  const hostOf = (name: string, addresses: readonly string[], given: Partial<NetstackOptions> = {}): NetstackEndpoint =>
    netstack({ addresses, name, ...given, tcp: { memory: 2 ** 25, connections: 1024, ...given.tcp } })
  const near = hostOf('near', [`${NEAR}/24`, 'fd00::1/64'], options.near)
  const far = hostOf('far', [FAR, FAR6], options.far)
  const runtime = clock === undefined ? runtimeWith() : runtimeWith(bind(CLOCK, clock))
  const running = await stack(near, { runtime, pool })
    .layer({ ...filter(passes), start: (context) => void (enable && context.find(HOST_SUPER_PACKETS)?.enable()) })
    .end(far)
    .start()
  const drops = (): Record<string, number> =>
    Object.fromEntries(running.drops().map(({ reason, packets }) => [reason, packets]))
  return { near, far, running, drops }
}
