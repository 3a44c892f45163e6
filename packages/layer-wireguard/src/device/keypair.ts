import type { AeadKey, CryptoProvider } from '../crypto/crypto.ts'
import {
  REJECT_AFTER_MESSAGES_HIGH,
  REJECT_AFTER_MESSAGES_LOW,
  REJECT_AFTER_TIME,
  REKEY_AFTER_MESSAGES_HIGH,
  REKEY_AFTER_TIME,
} from '../proto/constants.ts'
import type { TransportKeys } from '../proto/handshake.ts'
import { ReplayWindow } from '../proto/replay-window.ts'

/** One session: the keys of both ways, the counter we send with, the window of what we received. */
export class Keypair {
  readonly localIndex: number
  readonly remoteIndex: number
  readonly isInitiator: boolean
  /** Clock.now of its making, milliseconds. */
  readonly createdAt: number
  readonly sendKey: AeadKey
  readonly receiveKey: AeadKey
  readonly replay: ReplayWindow = new ReplayWindow()
  /** The next counter to send with, as two unsigned halves: it is exact over all 64 bits. */
  sendCounterHigh = 0
  sendCounterLow = 0
  /** Nothing is sent or taken with it any more. */
  ended = false

  constructor(
    crypto: CryptoProvider,
    { send, receive }: TransportKeys,
    localIndex: number,
    remoteIndex: number,
    isInitiator: boolean,
    now: number,
  ) {
    this.localIndex = localIndex
    this.remoteIndex = remoteIndex
    this.isInitiator = isInitiator
    this.createdAt = now
    this.sendKey = crypto.aead(send)
    this.receiveKey = crypto.aead(receive)
    send.fill(0)
    receive.fill(0)
  }

  canSend(now: number): boolean {
    return !this.isTooOld(now) && !this.isSpent()
  }

  isTooOld(now: number): boolean {
    return now - this.createdAt >= REJECT_AFTER_TIME
  }

  /** Whether the side that began this session should begin the next, now that it has sent (paper §6.2). */
  wantsRekeyAfterSending(now: number): boolean {
    if (this.sendCounterHigh >= REKEY_AFTER_MESSAGES_HIGH) return true
    return this.isInitiator && now - this.createdAt > REKEY_AFTER_TIME
  }

  /** Takes up to `count` counters from the next one on. Returns how many: fewer where REJECT_AFTER_MESSAGES is near. */
  reserve(count: number): number {
    const { sendCounterHigh: high, sendCounterLow: low } = this
    const left = high === REJECT_AFTER_MESSAGES_HIGH ? Math.max(REJECT_AFTER_MESSAGES_LOW - low, 0) : count
    const taken = Math.min(count, left)
    this.sendCounterLow = (low + taken) >>> 0
    if (this.sendCounterLow < low) this.sendCounterHigh = (high + 1) >>> 0
    return taken
  }

  wipe(): void {
    this.sendKey.wipe()
    this.receiveKey.wipe()
  }

  isSpent(): boolean {
    return this.sendCounterHigh === REJECT_AFTER_MESSAGES_HIGH && this.sendCounterLow >= REJECT_AFTER_MESSAGES_LOW
  }
}
