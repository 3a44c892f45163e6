import { publicKeyOf } from '@millrace/layer-wireguard'
import type { LongEnd } from './long-simulation-end.ts'
import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES } from './long-simulation-watch.ts'
import { HOUR, type LongWorld, MINUTE, SECOND } from './long-simulation-world.ts'

/** Something happens. Resolves when it is over, to what it was. */
export type LongEvent = (world: LongWorld) => Promise<string>

const DAY = 24 * HOUR
/** No event lets both ends wait longer than this for their clocks; see `stampWait`. */
const LONGEST_WAIT = 10 * MINUTE
/** What needs more than one word, more than a double holds, and the limits of the protocol. */
const NEAR = [
  REJECT_AFTER_MESSAGES,
  REKEY_AFTER_MESSAGES,
  2n ** 32n,
  REJECT_AFTER_MESSAGES,
  REKEY_AFTER_MESSAGES,
  2n ** 53n,
]

export const LONG_EVENTS: Readonly<Record<string, LongEvent>> = {
  'wall clock stepped': async (world) => {
    const end = world.pick(world.ends)
    const step = world.duration(MINUTE, 3 * DAY) * world.pick([-1, -1, 1])
    // Both ends refused by each other for days is how the protocol is; nothing would be seen here.
    const taken = world.other(end).debt > LONGEST_WAIT && end.debt - step > LONGEST_WAIT ? -step : step
    const what = `the ${end.name}'s wall clock was stepped by ${(taken / MINUTE).toFixed(1)} min`
    const { isTalking } = world
    end.clock.stepWall(taken)
    world.goOn(what, isTalking)
    return what
  },
  'machine suspended': (world) => halt(world, 'suspend'),
  'process stopped': (world) => halt(world, 'stop'),
  'process restarted': async (world) => {
    const end = world.pick(world.ends)
    await restart(world, end, end === world.laptop || world.random.chance(0.5))
    return `the ${end.name} was restarted`
  },
  'process restarted elsewhere': async (world) => {
    const end = mover(world)
    await restart(world, end, true, addressOf(end, world))
    return `the ${end.name} was restarted at ${end.wire.address}`
  },
  roamed: async (world) => {
    const end = mover(world)
    const { isTalking } = world
    end.wire.move(addressOf(end, world))
    const what = `the ${end.name} moved to ${end.wire.address}`
    world.goOn(what, isTalking)
    return what
  },
  'private key changed': async (world) => {
    const end = world.pick(world.ends)
    const other = world.other(end)
    const old = publicKeyOf(end.privateKey)
    end.privateKey = end.drawKey()
    await inEitherOrder(
      world,
      () => {
        end.layer.setPrivateKey(end.privateKey)
        world.watch.begunAnew(end)
      },
      () => {
        other.layer.peers.remove(old)
        world.watch.begunAnew(other)
        const knowsEndpoint = other === world.laptop || world.random.chance(0.5)
        other.layer.peers.add({ ...world.peerOf(other, knowsEndpoint), allowedIps: [`${end.inner}/32`] })
        end.latestStamp = Number.NEGATIVE_INFINITY
      },
    )
    return `the ${end.name} changed its private key`
  },
  'pre-shared key changed': async (world) => {
    world.presharedKey = world.laptop.drawKey()
    const change = (end: LongEnd) => (): void => {
      const { presharedKey } = world
      end.layer.peers.update(publicKeyOf(world.other(end).privateKey), { presharedKey })
    }
    await inEitherOrder(world, change(world.laptop), change(world.gateway))
    return 'the pre-shared key was changed'
  },
  'counters near their limits': async (world) => {
    const chosen = world.pick([[world.laptop], [world.gateway], world.ends])
    let sessions = 0
    const near = (): bigint => (NEAR[sessions++ % NEAR.length] as bigint) - BigInt(world.random.uint32() % 10) - 1n
    for (const end of chosen) end.firstCounter = near
    world.burst = 30
    world.recover('counters were put near their limits', 8 * MINUTE)
    world.burst = 1
    for (const end of chosen) end.firstCounter = undefined
    return 'counters had been near their limits'
  },
  'network down': async (world) => {
    const { conditions } = world.network
    world.network.conditions = { ...conditions, loss: 1 }
    world.talk(world.duration(MINUTE, 10 * MINUTE))
    world.network.conditions = conditions
    return 'the network was down'
  },
}

async function halt(world: LongWorld, how: 'suspend' | 'stop'): Promise<string> {
  const end = world.pick(world.ends)
  // A machine that sleeps hears nothing; the socket of a stopped process takes what there is room for.
  end.wire.hold(how === 'stop' ? 200 : 0)
  end.clock[how]()
  const duration = world.duration(MINUTE, 2 * HOUR)
  const talk = Math.min(duration, world.between(0, 3 * MINUTE))
  world.talk(talk)
  world.clock.advance(duration - talk)
  const wake = [() => end.clock.resume(), () => end.wire.release()]
  for (const part of world.random.chance(0.5) ? wake : wake.reverse()) part()
  return `the ${end.name} was ${how === 'stop' ? 'stopped' : 'suspended'} for ${(duration / MINUTE).toFixed(1)} min`
}

/** The other end may have moved meanwhile, or not be configured: it is learnt when it speaks. */
async function restart(world: LongWorld, end: LongEnd, knowsEndpoint: boolean, address?: string): Promise<void> {
  await end.stop()
  if (address !== undefined) end.wire.move(address)
  world.talk(world.duration(SECOND, MINUTE))
  world.watch.begunAnew(end)
  world.other(end).latestStamp = Number.NEGATIVE_INFINITY
  await end.start(world.peerOf(end, knowsEndpoint))
}

/** Only the one that moves can tell the other where it is now, if there is no session any more; so it must be able to. */
function mover(world: LongWorld): LongEnd {
  return world.pick(world.ableToBegin())
}

function addressOf(end: LongEnd, world: LongWorld): string {
  const host = 2 + (world.random.uint32() % 250)
  const port = 5000 + (world.random.uint32() % 50_000)
  return end === world.laptop ? `198.51.100.${host}:${port}` : `192.0.2.${host}:${port}`
}

/** Two ends are never changed in the same moment. */
async function inEitherOrder(world: LongWorld, one: () => void, other: () => void): Promise<void> {
  const [first, second] = world.random.chance(0.5) ? [one, other] : [other, one]
  first()
  world.talk(world.duration(SECOND, 150 * SECOND))
  second()
}
