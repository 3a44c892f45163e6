import { type Prefix, parsePrefix } from '@millrace/core'

/** What a range of addresses is, where nobody goes unless told to. */
export type RefusedRange =
  | 'unspecified'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'private'
  | 'cgnat'
  | 'multicast'
  | 'broadcast'
  | 'reserved'
  | 'v4-mapped'
  | 'host-address'
  | 'gateway-address'

/** A range and why it is refused; undefined takes a part of a wider one out again. */
export interface Range {
  readonly prefix: Prefix
  readonly refusal: RefusedRange | undefined
}

/**
 * From the IANA special-purpose registries (RFC 6890). Documentation networks are not among them: nobody is there to be
 * protected, and examples and test networks live in them. Of IPv6 only 2000::/3 is given out (RFC 4291 §2.4), so all else
 * is refused, but for the translated internet of 64:ff9b::/96 (RFC 6052).
 */
const TABLE: Readonly<Record<RefusedRange | 'open', readonly string[]>> = {
  // Linux and others take these for the host itself.
  unspecified: ['0.0.0.0/8', '::/128'],
  loopback: ['127.0.0.0/8', '::1/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  metadata: [
    // Nearly all clouds; also by IPv6, and of AWS what gives credentials to containers and pods.
    '169.254.169.254',
    'fd00:ec2::254',
    'fe80::a9fe:a9fe',
    '169.254.170.2',
    '169.254.170.23',
    'fd00:ec2::23',
    // Google by IPv6, Alibaba, Azure, Oracle.
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
  ],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  cgnat: ['100.64.0.0/10'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  broadcast: ['255.255.255.255'],
  reserved: [
    '192.0.0.0/24',
    // Anycast of 6to4 relays, deprecated (RFC 7526).
    '192.88.99.0/24',
    '198.18.0.0/15',
    '240.0.0.0/4',
    '::/3',
    '4000::/2',
    '8000::/1',
    // IPv4-compatible, deprecated (RFC 4291 §2.5.5.1), and IPv4-translated (RFC 2765).
    '::/96',
    '::ffff:0:0:0/96',
    '2001::/23',
    // Site-local, deprecated (RFC 3879).
    'fec0::/10',
  ],
  'v4-mapped': ['::ffff:0:0/96'],
  'host-address': [],
  'gateway-address': [],
  open: ['64:ff9b::/96', '2001::/32'],
}

/** The ranges refused on every machine. */
export const REFUSED_RANGES: readonly Range[] = Object.entries(TABLE).flatMap(([name, prefixes]) => {
  const refusal = name === 'open' ? undefined : (name as RefusedRange)
  return prefixes.map((text) => ({ prefix: parsePrefix(text), refusal }))
})
