import { expect, test } from 'vitest'
import { LONG_EVENTS } from './support/long-simulation-events.ts'
import { HOUR, LongWorld, MINUTE, SECOND } from './support/long-simulation-world.ts'

// To recover is this: while both ends have something to say (a packet a second), neither waits longer for the next from
// the other than it takes to notice that nothing answers and to shake hands again, with bad luck (LONGEST_GAP). What the
// protocol itself refuses is no failure: an end whose wall clock has gone back cannot begin a session until its time stamps
// are later than its last (the other end can, and the session that stands goes on), and one that moves while it cannot
// begin is found by nobody. Events are chosen so that there is one who can begin, or will be within minutes (`stampWait`).

/** MILLRACE_SEEDS=7,8 npx vitest run test/long-simulation.test.ts repeats the runs of these seeds. */
const seeds = process.env['MILLRACE_SEEDS']?.split(',').map(Number) ?? Array.from({ length: 20 }, (_, i) => i + 1)

test.each(seeds)(
  '10 hours of clock steps, suspends, restarts, key changes and counter limits: it recovers, and no nonce is used twice (seed %i)',
  async (seed) => {
    const world = await LongWorld.start(seed)
    const happened = new Map<string, number>()
    const deck: string[] = []
    while (world.clock.now() < 10 * HOUR) {
      world.network.conditions = {
        delay: world.between(1, 150),
        jitter: world.between(0, 80),
        loss: world.between(0, 0.05),
        duplication: world.between(0, 0.03),
        corruption: world.between(0, 0.004),
        reordering: world.between(0, 0.03),
      }
      world.clock.advance(world.between(0, 12 * MINUTE))
      if (world.random.chance(0.5)) world.sayOneThing()
      // Some things happen while there is no session.
      if (world.random.chance(0.7)) world.recover('nobody had anything to say', world.between(20, 150) * SECOND)
      // The rest also with clocks that are wrong: who was refused before, and who not, matters then.
      if (world.random.chance(0.4)) await LONG_EVENTS['wall clock stepped']?.(world)
      if (deck.length === 0) deck.push(...Object.keys(LONG_EVENTS))
      const [name] = deck.splice(world.random.uint32() % deck.length, 1) as [string]
      const what = await LONG_EVENTS[name]?.(world)
      world.recover(`${what}`)
      happened.set(name, (happened.get(name) ?? 0) + 1)
    }
    world.clock.advance(SECOND)

    expect(world.watch.violations).toEqual([])
    expect(world.failures).toEqual([])
    for (const { receipt } of world.ends) expect([receipt.repeated, receipt.altered]).toEqual([0, 0])
    // Each kind of event came, and each limit was reached by counting, one message after the other.
    expect([...happened].filter(([, times]) => times >= 2).length).toBe(Object.keys(LONG_EVENTS).length)
    expect([...world.watch.reached].filter(([, times]) => times === 0)).toEqual([])
    await world.stop()
  },
)
