// Paper §5.4. Everything little endian; the type is read as a u32, so its three reserved bytes must be zero.

export const MESSAGE_INITIATION = 1
export const MESSAGE_RESPONSE = 2
export const MESSAGE_COOKIE_REPLY = 3
export const MESSAGE_TRANSPORT = 4
/** What another thread puts in the place of the type of a message that is not authentic: none that the protocol knows. */
export const NOT_AUTHENTIC = 0xff

export const INITIATION_LENGTH = 148
export const RESPONSE_LENGTH = 92
export const COOKIE_REPLY_LENGTH = 64
export const TRANSPORT_HEADER_LENGTH = 16
/** A transport message without content: a keepalive. */
export const KEEPALIVE_LENGTH = 32
/** mac1 and mac2, at the end of both handshake messages. */
export const MACS_LENGTH = 32

/** Writes the 148 bytes of a handshake initiation but for its MACs. */
export function writeInitiation(
  senderIndex: number,
  ephemeral: Uint8Array,
  encryptedStatic: Uint8Array,
  encryptedTimestamp: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(INITIATION_LENGTH)
  const view = new DataView(message.buffer)
  view.setUint32(0, MESSAGE_INITIATION, true)
  view.setUint32(4, senderIndex, true)
  message.set(ephemeral, 8)
  message.set(encryptedStatic, 40)
  message.set(encryptedTimestamp, 88)
  return message
}

/** Writes the 92 bytes of a handshake response but for its MACs. */
export function writeResponse(
  senderIndex: number,
  receiverIndex: number,
  ephemeral: Uint8Array,
  encryptedEmpty: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(RESPONSE_LENGTH)
  const view = new DataView(message.buffer)
  view.setUint32(0, MESSAGE_RESPONSE, true)
  view.setUint32(4, senderIndex, true)
  view.setUint32(8, receiverIndex, true)
  message.set(ephemeral, 12)
  message.set(encryptedEmpty, 44)
  return message
}

/** Writes the 16 bytes before the content of a transport message (§5.4.6). */
export function writeTransportHeader(
  view: DataView,
  at: number,
  receiverIndex: number,
  counterHigh: number,
  counterLow: number,
): void {
  view.setUint32(at, MESSAGE_TRANSPORT, true)
  view.setUint32(at + 4, receiverIndex, true)
  view.setUint32(at + 8, counterLow, true)
  view.setUint32(at + 12, counterHigh, true)
}

/** Writes the 64 bytes of a cookie reply; `encryptedCookie` has its tag. */
export function writeCookieReply(receiverIndex: number, nonce: Uint8Array, encryptedCookie: Uint8Array): Uint8Array {
  // A view of its own would take it out of the young heap, for 1 µs more each.
  const message = new Uint8Array(COOKIE_REPLY_LENGTH)
  message[0] = MESSAGE_COOKIE_REPLY
  for (let i = 0; i < 4; i++) message[4 + i] = receiverIndex >>> (8 * i)
  message.set(nonce, 8)
  message.set(encryptedCookie, 32)
  return message
}

export function readUint32(message: Uint8Array, offset: number): number {
  return new DataView(message.buffer, message.byteOffset).getUint32(offset, true)
}

export const initiation = {
  senderIndex: (message: Uint8Array): number => readUint32(message, 4),
  ephemeral: (message: Uint8Array): Uint8Array => message.subarray(8, 40),
  encryptedStatic: (message: Uint8Array): Uint8Array => message.subarray(40, 88),
  encryptedTimestamp: (message: Uint8Array): Uint8Array => message.subarray(88, 116),
}

export const response = {
  senderIndex: (message: Uint8Array): number => readUint32(message, 4),
  receiverIndex: (message: Uint8Array): number => readUint32(message, 8),
  ephemeral: (message: Uint8Array): Uint8Array => message.subarray(12, 44),
  encryptedEmpty: (message: Uint8Array): Uint8Array => message.subarray(44, 60),
}

export const cookieReply = {
  receiverIndex: (message: Uint8Array): number => readUint32(message, 4),
  nonce: (message: Uint8Array): Uint8Array => message.subarray(8, 32),
  encryptedCookie: (message: Uint8Array): Uint8Array => message.subarray(32, 64),
}
