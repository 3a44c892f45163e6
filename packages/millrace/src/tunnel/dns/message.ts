import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet'

export type RecordType = 'A' | 'AAAA'

export interface Question {
  /** In ASCII, without the dot at the end. */
  readonly name: string
  readonly type: RecordType
}

/** What a name server says of a question. */
export type Reply =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttl: number }
  /** There is no such name, or nothing of this type. */
  | { readonly kind: 'none' }
  /** Too long for a datagram: to be asked for by TCP (RFC 7766 §5). */
  | { readonly kind: 'truncated' }
  /** It cannot or will not say; another one may. */
  | { readonly kind: 'failed'; readonly rcode: string }

/** What this takes in one datagram, bytes: fits any tunnel (RFC 9715 §3.1 R6). */
const UDP_PAYLOAD = 1232
/** Aliases followed in one answer. */
const MOST_ALIASES = 16

export function encodeQuestion(id: number, { name, type }: Question): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  })
}

/** Undefined for bytes that are no answer to this very question (RFC 5452 §9.1). */
export function readReply(bytes: Buffer, id: number, question: Question): Reply | undefined {
  let packet: DecodedPacket & { readonly rcode?: string }
  try {
    packet = decode(bytes)
  } catch {
    return undefined
  }
  if (packet.type !== 'response' || packet.id !== id || !isAbout(packet, question)) return undefined
  if (packet.flag_tc) return { kind: 'truncated' }
  const { rcode = 'NOERROR' } = packet
  if (rcode === 'NXDOMAIN') return { kind: 'none' }
  if (rcode !== 'NOERROR') return { kind: 'failed', rcode }
  return readAnswers(packet.answers ?? [], question)
}

function isAbout({ questions = [] }: DecodedPacket, { name, type }: Question): boolean {
  const [asked] = questions
  return questions.length === 1 && asked?.type === type && canonical(asked.name) === canonical(name)
}

/** The addresses of the name and of what it is an alias of; nothing else in the answer is believed. */
function readAnswers(answers: readonly Answer[], { name, type }: Question): Reply {
  let owner = canonical(name)
  let ttl = Number.POSITIVE_INFINITY
  for (let aliases = 0; aliases <= MOST_ALIASES; aliases++) {
    const mine = answers.filter((answer) => canonical(answer.name) === owner)
    const addresses: string[] = []
    let alias: string | undefined
    for (const answer of mine) {
      if (answer.type === type && typeof answer.data === 'string') addresses.push(answer.data)
      else if (answer.type === 'CNAME' && typeof answer.data === 'string') alias = answer.data
      else continue
      ttl = Math.min(ttl, 'ttl' in answer ? (answer.ttl ?? 0) : 0)
    }
    if (addresses.length > 0) return { kind: 'addresses', addresses, ttl }
    if (alias === undefined) return { kind: 'none' }
    owner = canonical(alias)
  }
  return { kind: 'none' }
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
