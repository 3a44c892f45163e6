/** What `send` of a datagram socket was given. */
export interface SendArguments {
  readonly bytes: Uint8Array
  readonly port: number | undefined
  readonly address: string | undefined
  readonly callback: SendCallback | undefined
}

type SendCallback = (error: Error | null, bytes: number) => void
export type Message = string | Uint8Array | DataView | readonly (string | Uint8Array)[]
export type SendArgument = number | string | null | undefined | SendCallback

/** The arguments of `send` of `node:dgram` in all of their forms: `message, [offset, length,] [port, [address,]] [callback]`. */
export function readSendArguments(
  message: Message,
  args: readonly SendArgument[],
  isConnected: boolean,
): SendArguments {
  const callback = args.find((argument) => typeof argument === 'function')
  const rest = args.filter((argument) => typeof argument !== 'function')
  let bytes = bytesOf(message)
  const hasRange = isConnected ? rest.length >= 2 : typeof rest[2] === 'number'
  if (hasRange) {
    const [offset, length] = rest.splice(0, 2) as [number, number]
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw new RangeError(`send: expected a part of the message, got ${length} bytes from ${offset} on`)
    }
    bytes = bytes.subarray(offset, offset + length)
  }
  const [port, address] = rest
  return {
    bytes,
    port: port === undefined || port === null ? undefined : Number(port),
    address: typeof address === 'string' && address !== '' ? address : undefined,
    callback,
  }
}

export interface BindOptions {
  /** 0, the default: one drawn at random. */
  readonly port?: number
  /** One of the host's own. Default: all of them. */
  readonly address?: string
}

export type BindArgument = number | string | BindOptions | (() => void) | undefined

/** The arguments of `bind` of `node:dgram` in all of their forms: `[port, [address,]] [callback]`, `options, [callback]`. */
export function readBindArguments(args: readonly BindArgument[]): {
  readonly port: number
  readonly address: string | undefined
  readonly callback: (() => void) | undefined
} {
  const callback = args.find((argument) => typeof argument === 'function')
  const options = args.find((argument) => typeof argument === 'object')
  const [port, address] = args
  return {
    port: options?.port ?? (typeof port === 'number' ? port : 0),
    address: options?.address ?? (typeof address === 'string' ? address : undefined),
    callback,
  }
}

function bytesOf(message: Message): Uint8Array {
  if (typeof message === 'string') return Buffer.from(message)
  if (message instanceof Uint8Array) return message
  if (message instanceof DataView) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
  return Buffer.concat(message.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}
