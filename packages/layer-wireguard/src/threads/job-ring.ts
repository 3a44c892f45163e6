/** Of each ring; powers of two. A job is a run of entries, so that what costs little is handed over by the dozen. */
export const JOBS = 256
export const ENTRIES = 2048

/** No job is to be had. */
export const NONE = -1

// All words are of 32 bits. What different threads write lies on cache lines of its own.
const LINE = 16
/** Jobs published, claimed and consumed, counted without end; how many workers sleep; whether the owner waits; the end. */
const PUBLISHED = 0
const CLAIMED = LINE
const CONSUMED = 2 * LINE
const SLEEPING = 3 * LINE
const OWNER_WAITS = 4 * LINE
const STOPPED = 5 * LINE
/** Changes whenever sleeping workers are to look again. */
const SIGNAL = 6 * LINE
const FIRST_JOB = 7 * LINE
const JOB_IS_DONE = 0
const JOB_BEGIN = 1
const JOB_END = 2
const FIRST_ENTRY = FIRST_JOB + JOBS * LINE

// An entry: one message, or several of equal size (but for the last) one behind the other, and their key.
export const ENTRY_KIND = 0
/** Where the first message begins in packet memory, and bytes of all of them. */
export const ENTRY_OFFSET = 1
export const ENTRY_LENGTH = 2
/** From one message to the next. */
export const ENTRY_STRIDE = 3
/** Address of the key, low and high half. */
export const ENTRY_KEY = 4
/** To seal: the counter of the first, high and low half, and the receiver's index. */
export const ENTRY_COUNTER_HIGH = 6
export const ENTRY_COUNTER_LOW = 7
export const ENTRY_INDEX = 8

export const KIND_SEAL = 1
export const KIND_OPEN = 2
/** What a thread makes of an entry that it could not do. */
export const KIND_FAILED = 3

/**
 * The jobs between the thread that owns them and its workers, in memory that all of them share. The owner alone publishes
 * and consumes, in order; whoever has time, the owner too, claims the oldest that nobody has. So one slow worker delays
 * nothing but its own job, and what comes out is in the order in which it went in.
 */
export class JobRing {
  readonly words: Int32Array

  /** To share with other threads: memory of {@link ringMemory}. */
  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory)
  }

  /** Takes the oldest job that is still to be had, or {@link NONE}. */
  claim(): number {
    const { words } = this
    for (;;) {
      const next = Atomics.load(words, CLAIMED)
      if (next === Atomics.load(words, PUBLISHED)) return NONE
      if (Atomics.compareExchange(words, CLAIMED, next, (next + 1) | 0) === next) return next
    }
  }

  /** The first entry of a job, counted without end, and the one behind its last. */
  begin(job: number): number {
    return this.words[jobAt(job) + JOB_BEGIN] as number
  }

  end(job: number): number {
    return this.words[jobAt(job) + JOB_END] as number
  }

  /** A claimed job is done. True if the owner waits for just this one, and has to be woken. */
  finish(job: number): boolean {
    const { words } = this
    Atomics.store(words, jobAt(job) + JOB_IS_DONE, 1)
    if (Atomics.load(words, CONSUMED) !== job) return false
    return Atomics.load(words, OWNER_WAITS) === 1 && Atomics.exchange(words, OWNER_WAITS, 0) === 1
  }

  /** Returns when there may be something to claim, or the end has come. */
  sleep(): void {
    const { words } = this
    const signal = Atomics.load(words, SIGNAL)
    Atomics.add(words, SLEEPING, 1)
    if (this.unclaimed === 0 && !this.stopped) Atomics.wait(words, SIGNAL, signal)
    Atomics.sub(words, SLEEPING, 1)
  }

  get stopped(): boolean {
    return Atomics.load(this.words, STOPPED) === 1
  }

  // What follows is the owner's.

  /** Fills the place of a job, which is not published yet. */
  prepare(job: number, begin: number, end: number): void {
    const at = jobAt(job)
    Atomics.store(this.words, at + JOB_IS_DONE, 0)
    this.words[at + JOB_BEGIN] = begin
    this.words[at + JOB_END] = end
  }

  /** Jobs before `end` may be claimed. Wakes as many workers as there are jobs, but for the one that the owner can do itself. */
  publish(end: number): void {
    const { words } = this
    Atomics.store(words, PUBLISHED, end)
    if (Atomics.load(words, SLEEPING) === 0) return
    const more = this.unclaimed - 1
    if (more > 0) this.#signal(more)
  }

  get unclaimed(): number {
    return (Atomics.load(this.words, PUBLISHED) - Atomics.load(this.words, CLAIMED)) | 0
  }

  isDone(job: number): boolean {
    return Atomics.load(this.words, jobAt(job) + JOB_IS_DONE) === 1
  }

  /** All jobs before `job` have been consumed. */
  consumed(job: number): void {
    Atomics.store(this.words, CONSUMED, job)
  }

  /** From now on the owner is woken when job `next` is done. False if it is done already. */
  await(next: number): boolean {
    Atomics.store(this.words, OWNER_WAITS, 1)
    if (!this.isDone(next)) return true
    Atomics.store(this.words, OWNER_WAITS, 0)
    return false
  }

  /** Workers end when they have finished what they are at. */
  stop(): void {
    Atomics.store(this.words, STOPPED, 1)
    this.#signal(Number.POSITIVE_INFINITY)
  }

  #signal(workers: number): void {
    Atomics.add(this.words, SIGNAL, 1)
    Atomics.notify(this.words, SIGNAL, workers)
  }
}

export function ringMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((FIRST_ENTRY + ENTRIES * LINE) * 4)
}

function jobAt(job: number): number {
  return FIRST_JOB + (job & (JOBS - 1)) * LINE
}

/** Where the words of an entry begin. */
export function entryAt(entry: number): number {
  return FIRST_ENTRY + (entry & (ENTRIES - 1)) * LINE
}
