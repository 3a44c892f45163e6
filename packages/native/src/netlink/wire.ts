// Netlink travels in the host's byte order; every processor this package binds system calls on is little-endian.
const LITTLE_ENDIAN = true

/** The largest request built here is far below it. */
const CAPACITY = 512
const NESTED = 0x8000
const TYPE_MASK = 0x3fff

/** Builds the body of a message: the family's fixed header by `u8`, `u16`, `u32`, then attributes (struct rtattr). */
export class Writer {
  readonly #bytes = new Uint8Array(CAPACITY)
  readonly #view = new DataView(this.#bytes.buffer)
  #length = 0

  u8(...values: readonly number[]): this {
    for (const value of values) this.#bytes[this.#length++] = value
    return this
  }

  u16(value: number): this {
    this.#view.setUint16(this.#length, value, LITTLE_ENDIAN)
    this.#length += 2
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.#length, value, LITTLE_ENDIAN)
    this.#length += 4
    return this
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** A number is a u32, a string ends in NUL, an undefined value leaves the attribute out. */
  attribute(type: number, value: number | string | Uint8Array | undefined): this {
    if (value === undefined) return this
    return this.#enclose(type, () => {
      if (typeof value === 'number') this.u32(value)
      else if (typeof value === 'string') this.bytes(Buffer.from(`${value}\0`))
      else this.bytes(value)
    })
  }

  nest(type: number, fill: () => void): this {
    return this.#enclose(type | NESTED, fill)
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** The length an attribute states has no padding in it; the next one begins at a multiple of 4. */
  #enclose(type: number, fill: () => void): this {
    const start = this.#length
    this.u16(0).u16(type)
    fill()
    this.#view.setUint16(start, this.#length - start, LITTLE_ENDIAN)
    this.#length = align(this.#length)
    return this
  }
}

/** A message as received; `body` begins behind its 16-byte header. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Uint8Array
}

/** One whole message: struct nlmsghdr and the body. */
export function encodeMessage(type: number, flags: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, LITTLE_ENDIAN)
  view.setUint16(4, type, LITTLE_ENDIAN)
  view.setUint16(6, flags, LITTLE_ENDIAN)
  view.setUint32(8, sequence, LITTLE_ENDIAN)
  bytes.set(body, 16)
  return bytes
}

/** The messages of one datagram, up to the first that does not fit into it. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = []
  const view = viewOf(bytes)
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = view.getUint32(at, LITTLE_ENDIAN)
    if (length < 16 || at + length > bytes.length) break
    messages.push({
      type: view.getUint16(at + 4, LITTLE_ENDIAN),
      flags: view.getUint16(at + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(at + 8, LITTLE_ENDIAN),
      body: bytes.subarray(at + 16, at + length),
    })
    at += align(length)
  }
  return messages
}

/** Attributes by type, up to the first that does not fit. A kernel newer than us may send types we do not know. */
export class Attributes {
  readonly #byType = new Map<number, Uint8Array>()

  constructor(bytes: Uint8Array) {
    const view = viewOf(bytes)
    for (let at = 0; at + 4 <= bytes.length; ) {
      const length = view.getUint16(at, LITTLE_ENDIAN)
      if (length < 4 || at + length > bytes.length) break
      this.#byType.set(view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK, bytes.subarray(at + 4, at + length))
      at += align(length)
    }
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#byType.get(type)
  }

  u32(type: number): number | undefined {
    const value = this.#byType.get(type)
    return value === undefined || value.length < 4 ? undefined : viewOf(value).getUint32(0, LITTLE_ENDIAN)
  }

  text(type: number): string | undefined {
    const value = this.#byType.get(type)
    if (value === undefined) return undefined
    const end = value.indexOf(0)
    return Buffer.from(value.subarray(0, end < 0 ? value.length : end)).toString()
  }
}

/** Reads the fixed header of a body, whose length the caller has checked. */
export function u16At(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint16(at, LITTLE_ENDIAN)
}

export function u32At(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at, LITTLE_ENDIAN)
}

export function i32At(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getInt32(at, LITTLE_ENDIAN)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function align(length: number): number {
  return (length + 3) & ~3
}
