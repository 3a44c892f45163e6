/** What a drop is about, for a metric that few labels must do for. */
export type DropClass =
  | 'no_mapping'
  | 'checksum'
  | 'fragment'
  | 'ttl'
  | 'policy'
  | 'martian'
  | 'quota'
  | 'exhausted'
  | 'malformed'
  | 'too_big'

const CLASSES: Readonly<Record<DropClass, readonly string[]>> = {
  no_mapping: [
    'no-mapping',
    'tcp-no-session',
    'not-nat-address',
    'icmp-error-no-session',
    'icmp-error-misdirected',
    'icmp-error-of-other-peer',
    'icmp-error-out-of-window',
  ],
  checksum: ['icmp-checksum-invalid', 'udp-checksum-missing'],
  fragment: [
    'fragment-invalid',
    'fragment-of-error',
    'fragment-of-icmp',
    'fragment-overlap',
    'fragment-refused',
    'fragment-repeated',
    'fragment-timeout',
    'fragment-tiny',
    'fragments-exhausted',
  ],
  ttl: ['ttl-exceeded'],
  policy: [
    'hairpin-refused',
    'ipv6-not-translated',
    'protocol-not-translated',
    'icmp-type-not-translated',
    'extension-header-not-translated',
    'routing-header-not-translated',
    'source-route-not-translated',
  ],
  martian: [
    'martian-source',
    'martian-destination',
    'source-is-nat-address',
    'source-in-prefix',
    'no-ipv4-address',
    'no-ipv6-address',
  ],
  quota: ['peer-sessions-exhausted', 'peer-rate-exceeded', 'peer-ports-exhausted'],
  exhausted: [
    'sessions-exhausted',
    'ports-exhausted',
    'blocks-exhausted',
    'no-outside-address',
    'pool-empty',
    'no-headroom',
  ],
  malformed: ['transport-truncated', 'tcp-header-invalid', 'icmp-error-invalid', 'icmp-error-truncated'],
  too_big: ['packet-too-big'],
}

const BY_REASON: ReadonlyMap<string, DropClass> = new Map(
  (Object.entries(CLASSES) as [DropClass, readonly string[]][]).flatMap(([kind, reasons]) =>
    reasons.map((reason) => [reason, kind] as const),
  ),
)

/** Packets dropped, by class. */
export class DropCounts {
  readonly #counts = Object.fromEntries(Object.keys(CLASSES).map((kind) => [kind, 0])) as Record<DropClass, number>

  add(reason: string, packets: number): void {
    this.#counts[BY_REASON.get(reason) ?? 'malformed'] += packets
  }

  /** The same as `drop`, counted here as well. */
  counting(drop: (reason: string, packets: number) => void): (reason: string, packets: number) => void {
    return (reason, packets) => {
      this.add(reason, packets)
      drop(reason, packets)
    }
  }

  /** All classes, those that have none too. */
  list(): readonly { readonly reason: DropClass; readonly packets: number }[] {
    return Object.entries(this.#counts).map(([reason, packets]) => ({ reason: reason as DropClass, packets }))
  }
}
