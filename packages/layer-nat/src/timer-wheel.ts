import type { Rows } from './rows.ts'
import { Slots } from './slots.ts'

const NONE = -1
/** Slots of a wheel, and milliseconds of a turn of the fine one. */
const TURN = 4096

// What a row has for it, in words.
const NEXT = 0
const PREVIOUS = 1
/** Where it is: a slot of the fine wheel, or above those one of the coarse wheel. */
const SLOT = 2
/** Words that the wheel needs of each row. */
export const TIMER_WORDS = 3

/**
 * A deadline for rows of a table, in two wheels: one of milliseconds for the turn that is under way, and one whose slots
 * are whole turns, 4.7 hours of them. What is further away comes round early, as does what has been put off since: whoever is
 * given a row looks at its deadline, and removes it or puts it in anew. So putting off costs nothing here, and each row
 * that does not end is looked at but once in the time it was last put in for.
 */
export class TimerWheel {
  readonly #words: Int32Array
  readonly #stride: number
  readonly #start: number
  readonly #fine = new Slots(TURN)
  readonly #coarse = new Slots(TURN)
  /** All that was due before has been given out. Whole milliseconds. */
  #tick = 0
  /** Nothing comes round before; Infinity if there is nothing at all. */
  #soonest = Number.POSITIVE_INFINITY

  /** The wheel has words of each row from `start` on. */
  constructor({ words, stride }: Rows, start: number) {
    this.#words = words
    this.#stride = stride
    this.#start = start
  }

  /** Puts in a row that is not in. It comes round at `deadline`, or less than a millisecond later, at the latest. */
  add(row: number, deadline: number, now: number): void {
    if (this.#soonest === Number.POSITIVE_INFINITY) this.#tick = Math.max(this.#tick, Math.floor(now))
    const tick = Math.max(Math.ceil(deadline), this.#tick)
    const turns = Math.min(Math.floor(tick / TURN) - Math.floor(this.#tick / TURN), TURN - 1)
    if (turns === 0) this.#link(row, tick % TURN)
    else this.#link(row, TURN + ((Math.floor(this.#tick / TURN) + turns) % TURN))
    if (tick < this.#soonest) this.#soonest = tick
  }

  remove(row: number): void {
    const words = this.#words
    const at = this.#at(row)
    const next = words[at + NEXT] as number
    const previous = words[at + PREVIOUS] as number
    if (next !== NONE) words[this.#at(next) + PREVIOUS] = previous
    if (previous === NONE) this.#setFirst(words[at + SLOT] as number, next)
    else words[this.#at(previous) + NEXT] = next
  }

  /** A row that has come round by `now`, still in, or -1. `now` must never run backwards. */
  due(now: number): number {
    if (now < this.#soonest) return NONE
    const target = Math.floor(now)
    for (;;) {
      const place = this.#tick % TURN
      const begun = this.#tick - place
      const turn = (begun / TURN) % TURN
      // What waited for this turn is sorted into the fine wheel before the turn goes on.
      const waiting = this.#coarse.first[turn] as number
      if (waiting !== NONE) return waiting
      const slot = this.#fine.next(place, TURN)
      if (slot !== NONE) {
        if (!this.#advance(begun + slot, target)) return NONE
        return this.#fine.first[slot] as number
      }
      const turns = this.#turnsFrom(turn)
      if (turns === 0) {
        this.#tick = Math.max(this.#tick, target)
        this.#soonest = Number.POSITIVE_INFINITY
        return NONE
      }
      if (!this.#advance(begun + turns * TURN, target)) return NONE
    }
  }

  /** Moves on to the next tick with something to do, if that is not after the target. */
  #advance(next: number, target: number): boolean {
    if (next > target) {
      this.#tick = Math.max(this.#tick, target)
      this.#soonest = next
      return false
    }
    this.#tick = next
    return true
  }

  /** How many turns it is to the next one for which something waits, or 0. */
  #turnsFrom(turn: number): number {
    const later = this.#coarse.next(turn + 1, TURN)
    if (later !== NONE) return later - turn
    const wrapped = this.#coarse.next(0, turn)
    return wrapped === NONE ? 0 : wrapped + TURN - turn
  }

  #link(row: number, slot: number): void {
    const words = this.#words
    const at = this.#at(row)
    const first = (slot < TURN ? this.#fine.first[slot] : this.#coarse.first[slot - TURN]) as number
    words[at + NEXT] = first
    words[at + PREVIOUS] = NONE
    words[at + SLOT] = slot
    if (first !== NONE) words[this.#at(first) + PREVIOUS] = row
    this.#setFirst(slot, row)
  }

  #setFirst(slot: number, row: number): void {
    if (slot < TURN) this.#fine.set(slot, row)
    else this.#coarse.set(slot - TURN, row)
  }

  #at(row: number): number {
    return row * this.#stride + this.#start
  }
}
