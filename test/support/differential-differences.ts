import { UNKNOWN } from './differential-episodes.ts'

/** Where Millrace does not do as wireguard-go does, and why. Every other difference is an error. */
interface Difference {
  readonly kind: string
  readonly ours: RegExp
  readonly theirs: RegExp
  readonly reason: string
}

const DROPPED = /^dropped$/
const DELIVERED = /^delivered \d+ bytes$/

export const STRICTER: readonly Difference[] = [
  {
    kind: 'IPv4 header length too small',
    ours: DROPPED,
    theirs: DELIVERED,
    reason: 'A header of less than 20 bytes is no IPv4 header (RFC 791 §3.1); no layer above need check it again.',
  },
  {
    kind: 'IPv4 header length past the total',
    ours: DROPPED,
    theirs: DELIVERED,
    reason: 'A header must end within the packet (RFC 791 §3.1); no layer above need check it again.',
  },
  {
    kind: 'IPv6 extension headers, many',
    ours: DROPPED,
    theirs: DELIVERED,
    reason: 'A chain of more than eight extension headers is an attack on the time of whoever walks it.',
  },
  {
    kind: 'IPv6 payload length that overflows 16 bits',
    ours: DROPPED,
    theirs: DELIVERED,
    reason:
      'The payload length is added to 40 in more than 16 bits; theirs wraps, and the host gets a part of a header (or, with 65,496, the program ends).',
  },
  {
    kind: 'response with an ephemeral key of low order',
    ours: DROPPED,
    theirs: /^session begun$/,
    reason:
      'A shared secret of zero is refused in the response too; this release of wireguard-go checks initiations only.',
  },
  {
    kind: 'two cookie replies to one response',
    ours: /^response with cookie 1$/,
    theirs: /^response with cookie 2$/,
    reason: 'Each message of ours is good for one cookie, as in the kernel: a reply that is repeated changes nothing.',
  },
  {
    kind: 'handshakes that cross',
    ours: /^response \| session begun \| delivered \d+ bytes$/,
    theirs: /^response \| dropped \| delivered \d+ bytes$/,
    reason: 'Answering an initiation does not give up our own: of two that cross both succeed at once.',
  },
]

/** Whether the outcomes agree, up to what is stricter. Where packets to the peer go afterwards must be the same always. */
export function differenceAllowed(step: {
  readonly kind: string
  readonly ours: string
  readonly theirs: string
}): boolean {
  const { kind, ours, theirs } = step
  if (ours === theirs || ours === UNKNOWN || theirs === UNKNOWN) return true
  const [ourFate = '', ourProbe] = ours.split('; ')
  const [theirFate = '', theirProbe] = theirs.split('; ')
  if (ourProbe !== theirProbe) return false
  return STRICTER.some((known) => known.kind === kind && known.ours.test(ourFate) && known.theirs.test(theirFate))
}
