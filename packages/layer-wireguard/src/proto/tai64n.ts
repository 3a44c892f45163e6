/** 2^62 + 10: the TAI64 label of the Unix epoch, high half. TAI was 10 seconds ahead then. */
const EPOCH_HIGH = 0x4000_0000
const EPOCH_LOW = 10

/**
 * A TAI64N label, 12 bytes, of a Unix time in milliseconds. The nanoseconds lose their low 24 bits (steps of 16.8 ms),
 * as the kernel and wireguard-go do, so that the label does not tell how fast this machine works.
 */
export function tai64n(unixMilliseconds: number): Uint8Array {
  const seconds = Math.floor(unixMilliseconds / 1000)
  const nanoseconds = Math.floor((unixMilliseconds - seconds * 1000) * 1e6)
  const low = EPOCH_LOW + seconds
  const label = new Uint8Array(12)
  const view = new DataView(label.buffer)
  view.setUint32(0, EPOCH_HIGH + Math.floor(low / 2 ** 32))
  view.setUint32(4, low % 2 ** 32)
  view.setUint32(8, nanoseconds & ~0xff_ffff)
  return label
}

/** Whether label `a` is later than label `b`. */
export function isLater(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) > 0
}
