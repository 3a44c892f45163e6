import type { Peer } from '@millrace/core'
import { ByteRing } from './byte-ring.ts'
import { Cubic } from './cubic.ts'
import type { CloseCause } from './listener.ts'
import { LossDetection } from './loss-detection.ts'
import type { TcpSettings } from './options.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { RoundTrip } from './round-trip.ts'
import { SentSegments } from './sent-segments.ts'
import type { Slab } from './slab.ts'
import { CLOSED, type State } from './state.ts'

const NEVER = Number.POSITIVE_INFINITY

/**
 * All that is known of one connection: the transmission control block (RFC 9293 §3.3.1), used again and again for
 * different ones. Sequence numbers are signed 32-bit numbers (`sequence.ts`), times are milliseconds.
 */
export class Connection {
  readonly index: number
  /** Addresses and ports (`connection-key.ts`): a view on the index. */
  readonly key: Int32Array
  /** Names this use of the block to its owner; -1 while it has none. */
  handle = -1
  state: State = CLOSED
  version: 4 | 6 = 4
  peer: Peer | undefined = undefined
  passive = false
  /** Whether its key is in the index, so that segments find it. */
  indexed = false
  /** Counts as half open. */
  halfOpen = false
  cause: CloseCause = 'finished'

  // What is to be told the owner, and what is to be done at the next flush.
  events = 0
  hasEvents = false
  isDirty = false
  wantsWritable = false
  isStarved = false
  /** The owner has let go of it: nobody reads any more. */
  orphaned = false

  // Sending (RFC 9293 §3.3.1, SND).
  iss = 0
  sndUna = 0
  sndNxt = 0
  sndWnd = 0
  sndWl1 = 0
  sndWl2 = 0
  sndShift = 0
  /** The largest window ever offered. */
  largestWindow = 0
  /** Data bytes of a full segment: what the path and the other end take, less the options of every segment. */
  mss = 0
  readonly sendRing: ByteRing
  /** Bytes in `sendRing`, and the number of the first. */
  sendLength = 0
  sendStart = 0
  /** Bytes of room behind them that somebody is about to fill. */
  reserved = 0
  finQueued = false
  finSent = false
  readonly sent: SentSegments = new SentSegments()

  // Receiving (RCV).
  irs = 0
  /** What is expected next, the FIN included. */
  rcvNxt = 0
  readonly received: ReceiveQueue
  /** The right edge of the window offered. It never moves to the left. */
  rcvEdge = 0
  rcvShift = 0
  /** Largest segment seen. */
  rcvMss = 0
  hasFin = false
  finAt = 0
  /** The FIN has been reached: nothing more will come. */
  ended = false

  // Options in use.
  sackOk = false
  timestampsOk = false
  windowScaleOk = false
  tsRecent = 0
  tsRecentAt = 0
  tsOffset = 0

  // Acknowledgments owed.
  synDue = false
  ackDue = false
  /** One more for each segment that came out of order, where the other end counts them (RFC 5681 §3.2). */
  duplicateAcks = 0
  unacknowledged = 0
  quickAcks = 0
  lastAckSent = 0

  // Timers.
  rtoAt: number = NEVER
  tailProbeAt: number = NEVER
  reorderingAt: number = NEVER
  ackAt: number = NEVER
  persistAt: number = NEVER
  keepaliveAt: number = NEVER
  /** The end of PENDING and TIME-WAIT, and of a connection that nobody holds. */
  lifeAt: number = NEVER

  retries = 0
  keepaliveProbes = 0
  lastHeard = 0
  lastDataSent = 0
  /** Since when the other end owes an answer. */
  waitingSince = 0
  probing = false
  /** The congestion window is what kept more from being sent (RFC 9438 §5.8). */
  isWindowLimited = false
  challengesFrom = 0
  challenges = 0

  readonly roundTrip: RoundTrip = new RoundTrip()
  readonly congestion: Cubic = new Cubic()
  readonly loss: LossDetection = new LossDetection()

  constructor(index: number, key: Int32Array, slab: Slab, settings: TcpSettings) {
    this.index = index
    this.key = key
    this.sendRing = new ByteRing(slab, settings.sendBuffer)
    this.received = new ReceiveQueue(slab, settings.receiveBuffer)
  }

  /** When something is to be done next. */
  get deadline(): number {
    const sending = Math.min(this.rtoAt, this.tailProbeAt, this.reorderingAt, this.persistAt)
    return Math.min(sending, this.ackAt, this.keepaliveAt, this.lifeAt)
  }

  get unsent(): number {
    return this.finSent ? 0 : this.sendLength - ((this.sndNxt - this.sendStart) | 0)
  }

  stopTimers(): void {
    this.rtoAt = NEVER
    this.tailProbeAt = NEVER
    this.reorderingAt = NEVER
    this.ackAt = NEVER
    this.persistAt = NEVER
    this.keepaliveAt = NEVER
    this.lifeAt = NEVER
  }

  clearBuffers(): void {
    this.sendRing.clear()
    this.sendLength = 0
    this.received.clear()
    this.sent.begin(this.sndNxt)
  }

  /** Ready for another connection; nothing is left of the one before. */
  reset(): void {
    this.state = CLOSED
    this.peer = undefined
    this.passive = false
    this.cause = 'finished'
    this.events = 0
    this.wantsWritable = false
    this.orphaned = false
    this.sndWnd = 0
    this.sndShift = 0
    this.largestWindow = 0
    this.finQueued = false
    this.finSent = false
    this.rcvNxt = 0
    this.rcvEdge = 0
    this.rcvShift = 0
    this.rcvMss = 536
    this.hasFin = false
    this.ended = false
    this.sackOk = false
    this.timestampsOk = false
    this.windowScaleOk = false
    this.tsRecent = 0
    this.synDue = false
    this.ackDue = false
    this.duplicateAcks = 0
    this.unacknowledged = 0
    this.quickAcks = 16
    this.retries = 0
    this.keepaliveProbes = 0
    this.probing = false
    this.challenges = 0
    this.stopTimers()
    this.clearBuffers()
    this.roundTrip.reset()
    this.loss.reset()
  }
}
