import type { NetstackEndpoint } from '@millrace/layer-netstack'
import { type Answer, decode, encode, streamEncode, TRUNCATED_RESPONSE } from 'dns-packet'

export interface NameServerOptions {
  /** By `name type`. */
  readonly records: Readonly<Record<string, readonly Answer[]>>
  /** Of its host. Default: all. */
  readonly address?: string
  /** Answers by UDP are cut short, so that they must be asked for by TCP. */
  readonly truncates?: boolean
  /** Answers everything with this code (RFC 1035 §4.1.1). */
  readonly rcode?: number
}

/** A small name server on a host inside a tunnel. */
export class NameServer {
  /** What was asked, in its order: `udp far.example A`. */
  readonly asked: string[] = []
  readonly #options: NameServerOptions

  constructor(host: NetstackEndpoint, options: NameServerOptions) {
    this.#options = options
    const { address } = options
    const place = { port: 53, ...(address === undefined ? {} : { address }) }
    const socket = host.bind(place)
    socket.on('message', (bytes: Buffer, from: { address: string; port: number }) => {
      socket.send(encode(this.#answer('udp', bytes)), from.port, from.address)
    })
    host.listen(place, (connection) => {
      connection.once('data', (bytes: Buffer) => connection.end(streamEncode(this.#answer('tcp', bytes.subarray(2)))))
    })
  }

  #answer(by: 'udp' | 'tcp', bytes: Buffer): Parameters<typeof encode>[0] {
    const { id = 0, questions = [] } = decode(bytes)
    const [question] = questions
    const key = `${question?.name} ${question?.type}`
    this.asked.push(`${by} ${key}`)
    const { records, truncates = false, rcode = 0 } = this.#options
    const common = { type: 'response', id, questions } as const
    if (truncates && by === 'udp') return { ...common, flags: TRUNCATED_RESPONSE }
    const isKnown = Object.keys(records).some((known) => known.startsWith(`${question?.name} `))
    return { ...common, flags: rcode !== 0 ? rcode : isKnown ? 0 : 3, answers: [...(records[key] ?? [])] }
  }
}
