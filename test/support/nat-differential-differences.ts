/** Where our NAT does not do as the kernel's, and why: docs/nat.md has them in words. Every other difference is an error. */
interface Difference {
  /** As docs/nat.md names it. */
  readonly name: string
  /** Of `scenario / label direction`. */
  readonly step: RegExp
  readonly ours: RegExp
  readonly theirs: RegExp
  /** What makes theirs of ours, where both let the packet pass. */
  readonly asTheirs?: (ours: string) => string
}

export interface Played {
  /** `scenario / label direction`. */
  readonly step: string
  readonly ours: string
  readonly theirs: string
}

const PASSED = /^(up|down) /
const DROPPED = /^dropped$/
const OWN_ERROR = /^(up|down) ICMP (3|11)\/\d+ (10\.9\.0\.1|203\.0\.113\.7) /

const passes = { ours: PASSED, theirs: DROPPED } as const
const drops = { ours: DROPPED, theirs: PASSED } as const

export const DIFFERENCES: readonly Difference[] = [
  { name: 'TCP windows', step: /^TCP: .* \/ (far|false ACK|blind RST|SYN within) /, ...passes },
  { name: 'TCP windows', step: /^TCP: refused by a RST that acknowledges nothing \/ (SYN-ACK|ACK|data) /, ...passes },
  { name: 'TCP flags', step: /^TCP: nonsensical flags \/ /, ...passes },
  {
    name: 'TCP without a SYN',
    step: /^TCP: (in the middle of a connection|SYN-ACK to nobody|FIN to nobody) \/ /,
    ours: /^(down TCP RA? |dropped$)/,
    theirs: /^(up TCP |down TCP |dropped$)/,
  },
  { name: 'ICMP errors out of window', step: /\/ not in flight /, ...drops },
  { name: 'ICMP types', step: /\/ (source quench|timestamp) /, ...drops },
  { name: 'quoted header', step: /ICMP errors with forged quotes \/ version /, ...drops },
  { name: 'checksums', step: /(checksum|header checksum|length field too (large|small)) (wrong )?\/ /, ...passes },
  { name: 'IP options', step: /(source route|malformed options) \/ /, ours: PASSED, theirs: /^dropped$|ICMP 12\/0/ },
  {
    name: 'IP options',
    step: /record route \/ /,
    ours: PASSED,
    theirs: PASSED,
    // The first of its places, which it fills with its address, and the pointer behind it.
    asTheirs: (ours) => ours.replace(/0707040{8}/, ours.startsWith('up') ? '070708cb007107' : '0707080a090001'),
  },
  { name: 'fragments', step: /(a fragment missing|fragments that overlap) \/ /, ...passes },
  { name: 'refusals', step: /^ESP: two hosts to one remote \/ of another /, ours: / ICMP 3\/13 /, theirs: DROPPED },
  { name: 'martians', step: /martian (sources|destinations) \/ (0\.0\.0\.1|240\.0\.0\.1) /, ...drops },
  {
    name: 'errors of its own',
    step: /./,
    ours: OWN_ERROR,
    theirs: OWN_ERROR,
    asTheirs: (ours) => ours.replace(/( 45c0.{4}0000)4000/, '$10000'),
  },
]

/** Which of the {@link DIFFERENCES} it is that ours and theirs differ; undefined if it is none. */
export function differenceOf({ step, ours, theirs }: Played): Difference | undefined {
  return DIFFERENCES.find(
    (known) =>
      known.step.test(step) &&
      known.ours.test(ours) &&
      known.theirs.test(theirs) &&
      (known.asTheirs === undefined || known.asTheirs(ours) === theirs),
  )
}
