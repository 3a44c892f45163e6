import { type Batch, Burst, type Clock, type Context, type IpPacket, type Service, type Timer } from '@millrace/core'

/** What runs between the packets of a stack and the owner of its flows: a `Tcp` with its listener, for one. */
export interface Machine {
  /** When `advance` or `flush` has something to do without a packet coming in, milliseconds, or Infinity. */
  readonly deadline: number
  /** Whether the owner is to be told something. */
  readonly hasEvents: boolean
  /** Takes a packet in without keeping it. Returns why it went no further, or undefined. */
  receive(packet: IpPacket, now: number): string | undefined
  /** Does what is due. */
  advance(now: number): void
  /** Tells the owner what has happened. */
  dispatch(): void
  /** Puts packets into the outbox. True if there is more to send. */
  flush(now: number): boolean
}

/** Rounds of telling and sending before other work of the process gets its turn. */
const ROUNDS = 16

/**
 * Drives a machine as the end of a stack: gives it each batch that comes, tells its owner, sends what it has to send, and
 * wakes it at its deadline. Whoever calls the machine at any other time calls `wake` after it: all that is done in one
 * turn of the event loop is sent together.
 */
export class MachineLoop {
  /** Where the machine puts the packets to be sent. */
  readonly outbox: Burst<IpPacket>
  readonly #clock: Clock
  readonly #stack: Service<IpPacket>
  #machine: Machine | undefined
  #isPumping = false
  /** Packets have come in while others were sent. */
  #isAnswered = false
  #isStopped = false
  #timer: Timer | undefined
  #timerAt: number = Number.POSITIVE_INFINITY
  readonly #onTimer = (): void => this.#timeOut()

  /** `stack`: where packets to be sent go. */
  constructor({ clock, pool }: Context, stack: Service<IpPacket>) {
    this.#clock = clock
    this.#stack = stack
    this.outbox = new Burst(pool)
  }

  run(machine: Machine): void {
    this.#machine = machine
  }

  serve(batch: Batch<IpPacket>): void {
    const machine = this.#machine
    const now = this.#clock.now()
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const reason = machine === undefined || this.#isStopped ? 'not-open' : machine.receive(packet, now)
      if (reason !== undefined) batch.drop(packet, reason)
    }
    // What answers while we send is dealt with by the rounds that are running.
    if (this.#isPumping) this.#isAnswered = true
    else this.#pump()
  }

  /** Has the machine looked at before this turn of the event loop ends. */
  wake(): void {
    if (!this.#isPumping) this.#sleepUntil(Number.NEGATIVE_INFINITY)
  }

  /** Sends what can be sent now; nothing is received or sent afterwards. */
  stop(): void {
    if (this.#isStopped) return
    this.#pump()
    this.#isStopped = true
    this.#timer?.cancel()
    this.#machine = undefined
  }

  #timeOut(): void {
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#machine?.advance(this.#clock.now())
    this.#pump()
  }

  #pump(): void {
    const machine = this.#machine
    if (machine === undefined || this.#isPumping || this.#isStopped) return
    const now = this.#clock.now()
    this.#isPumping = true
    let isMore = true
    try {
      for (let round = 0; isMore && round < ROUNDS; round++) {
        machine.dispatch()
        const isFull = machine.flush(now)
        const isSending = this.outbox.length > 0
        this.#isAnswered = false
        this.outbox.serve(this.#stack)
        isMore = (isFull && isSending) || machine.hasEvents || this.#isAnswered
      }
    } finally {
      this.#isPumping = false
    }
    this.#sleepUntil(isMore ? Number.NEGATIVE_INFINITY : machine.deadline)
  }

  /** A timer that would go off sooner stays: setting one costs more than waking in vain. */
  #sleepUntil(at: number): void {
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimer(Math.max(at - this.#clock.now(), 0), this.#onTimer)
  }
}
