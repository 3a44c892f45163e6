import { SeededRandom } from '@millrace/core/testing'
import { EPISODES } from './differential-episodes.ts'
import { INITIATIONS } from './differential-handshake.ts'
import { below, pick } from './differential-inner.ts'
import { INSIDE } from './differential-packets.ts'
import { ON_THE_WIRE } from './differential-transport.ts'
import { ofSameFamily, SOCKETS } from './differential-wire.ts'

type StepClass = 'transport' | 'handshake' | 'episode'

/** One step of a script: everything else about it follows from its seed. */
export interface Step {
  readonly kind: string
  readonly stepClass: StepClass
  /** Which of the attacked peers. */
  readonly peer: number
  /** Which socket it is sent from. */
  readonly socket: number
  readonly seed: number
  /** Whether to look afterwards where the implementation sends to this peer. */
  readonly probe: boolean
}

export const ATTACKED_PEERS = 24

/** How many peers send in one run of transport messages. */
const GROUP = 3

const TRANSPORTS = [...Object.keys(ON_THE_WIRE), ...Object.keys(INSIDE)]
const KINDS: Readonly<Record<StepClass, readonly string[]>> = {
  transport: TRANSPORTS,
  handshake: Object.keys(INITIATIONS),
  episode: Object.keys(EPISODES),
}

/** All kinds of steps there are. */
export const ALL_KINDS: readonly string[] = Object.values(KINDS).flat()

/** A script: runs of steps of one class from sockets of one family. Each kind comes in turn, in an order of the seed's. */
export function script(seed: number, steps: number): readonly Step[] {
  const random = new SeededRandom(seed)
  const decks = { transport: new Deck(random), handshake: new Deck(random), episode: new Deck(random) }
  const made: Step[] = []
  while (made.length < steps) {
    const stepClass = pick(random, CLASSES)
    const places = ofSameFamily(below(random, SOCKETS))
    const turn = random.uint32()
    // Few peers at a time, so that sessions get far enough to have something to be replayed.
    const group = Array.from({ length: GROUP }, () => below(random, ATTACKED_PEERS))
    const length = stepClass === 'episode' ? 1 : 8 + below(random, 16)
    for (let i = 0; i < length; i++) {
      const peer = stepClass === 'transport' ? pick(random, group) : below(random, ATTACKED_PEERS)
      made.push({
        kind: decks[stepClass].draw(KINDS[stepClass]),
        stepClass,
        peer,
        socket: places[(turn + peer) % places.length] as number,
        seed: random.uint32(),
        probe: stepClass !== 'episode' && random.chance(0.08),
      })
    }
  }
  return made
}

/** How often each class has its turn. */
const CLASSES: readonly StepClass[] = [
  ...Array<StepClass>(9).fill('transport'),
  ...Array<StepClass>(5).fill('handshake'),
  ...Array<StepClass>(6).fill('episode'),
]

/** Deals all of its cards before it deals one again, so that a short script has every kind. */
class Deck {
  readonly #random: SeededRandom
  #left: string[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  draw(cards: readonly string[]): string {
    if (this.#left.length === 0) this.#left = [...cards]
    return this.#left.splice(below(this.#random, this.#left.length), 1)[0] as string
  }
}
