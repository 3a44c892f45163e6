import type { AeadKey } from '../crypto/provider.ts'
import { TRANSPORT_HEADER_LENGTH, writeTransportHeader } from '../proto/messages.ts'

/**
 * Makes a transport message (paper §5.4.6) at `at` of the `padded` bytes that lie where its content is to be. What is
 * before it may change, as far as `AeadKey.seal` says.
 */
export function sealMessage(
  key: AeadKey,
  memory: Uint8Array,
  view: DataView,
  at: number,
  padded: number,
  receiverIndex: number,
  counterHigh: number,
  counterLow: number,
): void {
  key.seal(counterHigh, counterLow, memory, at + TRANSPORT_HEADER_LENGTH, padded)
  writeTransportHeader(view, at, receiverIndex, counterHigh, counterLow)
}
