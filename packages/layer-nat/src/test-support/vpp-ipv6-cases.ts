import type { Nat64Options } from '../nat64/options.ts'
import type { Nat66Options } from '../nat66/options.ts'
import type { Nptv6Options } from '../nptv6/nptv6.ts'

type Cases<O> = Readonly<Record<string, readonly [options: Partial<O>, script: string]>>

export const PREFIX = '2001:db8:64::/96'
export const NAT64 = '203.0.113.7'
/** NAT64 and 198.51.100.7 behind the prefix. */
export const NAT64_INSIDE = '2001:db8:64::cb00:7107'
const REMOTE = '2001:db8:64::c633:6407'
const [IN, OUT, OUT4] = ['[fd00::2]:1234', `[${REMOTE}]:80`, '198.51.100.7:80']
const all = `
  up TCP ${IN} > ${OUT} SYN => up TCP ${NAT64}:$t > ${OUT4} SYN
  down TCP ${OUT4} > ${NAT64}:$t SYN ACK => down TCP ${OUT} > ${IN} SYN ACK
  up UDP ${IN} > ${OUT} => up UDP ${NAT64}:$u > ${OUT4}
  down UDP ${OUT4} > ${NAT64}:$u => down UDP ${OUT} > ${IN}
  up ICMPv6 fd00::2 > ${REMOTE} echo request 7 => up ICMP ${NAT64} > 198.51.100.7 echo request $i
  down ICMP 198.51.100.7 > ${NAT64} echo reply $i => down ICMPv6 ${REMOTE} > fd00::2 echo reply 7
`
/** 192.0.2.33 behind each length of prefix, as RFC 6052 §2.4 has it. */
const prefixes = [
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
] as const

export const nat64Cases: Cases<Nat64Options> = {
  dynamic: [
    {},
    `${all}up UDP [fd00::3]:1234 > ${OUT} => up UDP ${NAT64}:$v > ${OUT4}
     down UDP ${OUT4} > ${NAT64}:$v => down UDP ${OUT} > [fd00::3]:1234
     down UDP ${OUT4} > ${NAT64}:$u => down UDP ${OUT} > ${IN}`,
  ],
  static: [
    {
      forwards: [
        { protocol: 'tcp', port: 4001, to: 'fd00::2', toPort: 1234 },
        { protocol: 'udp', port: 4002, to: 'fd00::2', toPort: 1234 },
      ],
    },
    `up TCP ${IN} > ${OUT} SYN => up TCP ${NAT64}:4001 > ${OUT4} SYN
     down TCP ${OUT4} > ${NAT64}:4001 SYN ACK => down TCP ${OUT} > ${IN} SYN ACK
     down UDP ${OUT4} > ${NAT64}:4002 => down UDP ${OUT} > ${IN}
     up UDP ${IN} > ${OUT} => up UDP ${NAT64}:4002 > ${OUT4}`,
  ],
  // RFC 6146 §4: echo 60 s, UDP 5 min, TCP that is not established 4 min.
  session_timeout: [
    {},
    `${all}wait 59 s
     down ICMP 198.51.100.7 > ${NAT64} echo reply $i => down ICMPv6 ${REMOTE} > fd00::2 echo reply 7
     wait 1 s
     down ICMP 198.51.100.7 > ${NAT64} echo reply $i => drop no-mapping
     wait 179 s
     down TCP ${OUT4} > ${NAT64}:$t SYN ACK => down TCP ${OUT} > ${IN} SYN ACK
     wait 1 s
     down TCP ${OUT4} > ${NAT64}:$t SYN ACK => drop no-mapping
     wait 59 s
     down UDP ${OUT4} > ${NAT64}:$u => down UDP ${OUT} > ${IN}
     wait 1 s
     down UDP ${OUT4} > ${NAT64}:$u => drop no-mapping`,
  ],
  icmp_error: [
    {},
    `${all}
     down ICMP 192.0.2.9 > ${NAT64} 3/1 about TCP ${NAT64}:$t > ${OUT4} SYN => down ICMPv6 2001:db8:64::c000:209 > fd00::2 1/0 about TCP ${IN} > ${OUT} SYN
     down ICMP 192.0.2.9 > ${NAT64} 3/3 about UDP ${NAT64}:$u > ${OUT4} => down ICMPv6 2001:db8:64::c000:209 > fd00::2 1/4 about UDP ${IN} > ${OUT}
     down ICMP 192.0.2.9 > ${NAT64} 11/0 about ICMP ${NAT64} > 198.51.100.7 echo request $i => down ICMPv6 2001:db8:64::c000:209 > fd00::2 3/0 about ICMPv6 fd00::2 > ${REMOTE} echo request 7
     up ICMPv6 fd00::2 > ${REMOTE} 1/4 about UDP ${OUT} > ${IN} => up ICMP ${NAT64} > 198.51.100.7 3/3 about UDP ${OUT4} > ${NAT64}:$u`,
  ],
  hairpinning: [
    { forwards: (['tcp', 'udp'] as const).map((protocol) => ({ protocol, port: 80, to: 'fd00::5', toPort: 8080 })) },
    `up TCP ${IN} > [${NAT64_INSIDE}]:80 SYN => down TCP [${NAT64_INSIDE}]:$t > [fd00::5]:8080 SYN
     up TCP [fd00::5]:8080 > [${NAT64_INSIDE}]:$t SYN ACK => down TCP [${NAT64_INSIDE}]:80 > ${IN} SYN ACK
     up UDP ${IN} > [${NAT64_INSIDE}]:80 => down UDP [${NAT64_INSIDE}]:$u > [fd00::5]:8080
     up UDP [fd00::5]:8080 > [${NAT64_INSIDE}]:$u => down UDP [${NAT64_INSIDE}]:80 > ${IN}
     up ICMPv6 fd00::5 > ${NAT64_INSIDE} 1/4 about UDP [${NAT64_INSIDE}]:$u > [fd00::5]:8080 => down ICMPv6 ${NAT64_INSIDE} > fd00::2 1/4 about UDP ${IN} > [${NAT64_INSIDE}]:80`,
  ],
  ...Object.fromEntries(
    prefixes.map(([prefix, address]): [string, readonly [Partial<Nat64Options>, string]] => [
      `prefix: ${prefix}`,
      [
        { prefix },
        `up UDP ${IN} > [${address}]:80 => up UDP ${NAT64}:$u > 192.0.2.33:80
         down UDP 192.0.2.33:80 > ${NAT64}:$u => down UDP [${address}]:80 > ${IN}`,
      ],
    ]),
  ),
  unknown_proto: [
    { otherProtocols: true },
    `up 47 fd00::2 > ${REMOTE} => up 47 ${NAT64} > 198.51.100.7
     down 47 198.51.100.7 > ${NAT64} => down 47 ${REMOTE} > fd00::2`,
  ],
  hairpinning_unknown_proto: [
    { otherProtocols: true, staticAddresses: [{ inside: 'fd00::5', outside: '203.0.113.9' }] },
    `up 47 fd00::2 > 2001:db8:64::cb00:7109 => down 47 ${NAT64_INSIDE} > fd00::5
     up 47 fd00::5 > ${NAT64_INSIDE} => down 47 2001:db8:64::cb00:7109 > fd00::2`,
  ],
  ipfix_max_bibs_sessions: [
    { sessions: 1 },
    `up UDP ${IN} > ${OUT} => up UDP ${NAT64}:$u > ${OUT4}
     up UDP [fd00::3]:1 > ${OUT} => drop sessions-exhausted + down ICMPv6 ${NAT64_INSIDE} > fd00::3 1/1 about UDP [fd00::3]:1 > ${OUT}`,
  ],
}

export const nat66Cases: Cases<Nat66Options> = {
  static: [
    { staticAddresses: [{ inside: 'fd00::2', outside: '2001:db8::9' }] },
    `up TCP ${IN} > [2001:db8:9::7]:80 SYN => up TCP [2001:db8::9]:1234 > [2001:db8:9::7]:80 SYN
     down TCP [2001:db8:9::7]:80 > [2001:db8::9]:1234 SYN ACK => down TCP [2001:db8:9::7]:80 > ${IN} SYN ACK
     up UDP ${IN} > [2001:db8:9::7]:80 => up UDP [2001:db8::9]:1234 > [2001:db8:9::7]:80
     down UDP [2001:db8:9::7]:80 > [2001:db8::9]:1234 => down UDP [2001:db8:9::7]:80 > ${IN}
     up ICMPv6 fd00::2 > 2001:db8:9::7 echo request 7 => up ICMPv6 2001:db8::9 > 2001:db8:9::7 echo request 7
     down ICMPv6 2001:db8:9::7 > 2001:db8::9 echo reply 7 => down ICMPv6 2001:db8:9::7 > fd00::2 echo reply 7
     up 47 fd00::2 > 2001:db8:9::7 => up 47 2001:db8::9 > 2001:db8:9::7
     down 47 2001:db8:9::7 > 2001:db8::9 => down 47 2001:db8:9::7 > fd00::2`,
  ],
}

/** The second pair by hand: 0xfc01 - 0x2dba = 0xce47, added to the first word behind the prefix (RFC 6296 §3.5). */
const pairs = [
  [{ inside: 'fd01:203:405::/48', outside: '2001:db8:1::/48' }, 'fd01:203:405:1::1234', '2001:db8:1:d550::1234'],
  [{ inside: 'fc00:1::/64', outside: '2001:db8:1::/64' }, 'fc00:1::2', '2001:db8:1:0:ce47::2'],
] as const
const PEER = '2001:db8:9::7'

export const npt66Cases: Cases<Nptv6Options> = Object.fromEntries(
  pairs.flatMap(([prefixes, inside, outside]): [string, readonly [Partial<Nptv6Options>, string]][] => [
    [
      `npt66_simple: ${prefixes.inside}`,
      [
        prefixes,
        `up UDP [${inside}]:5 > [${PEER}]:53 => up UDP [${outside}]:5 > [${PEER}]:53
         down UDP [${PEER}]:53 > [${outside}]:5 => down UDP [${PEER}]:53 > [${inside}]:5
         up TCP [${inside}]:5 > [${PEER}]:80 SYN => up TCP [${outside}]:5 > [${PEER}]:80 SYN
         down 47 ${PEER} > ${outside} => down 47 ${PEER} > ${inside}`,
      ],
    ],
    [
      `npt66_icmp6: ${prefixes.inside}`,
      [
        prefixes,
        `up ICMPv6 ${inside} > ${PEER} echo request 7 => up ICMPv6 ${outside} > ${PEER} echo request 7
         down ICMPv6 ${PEER} > ${outside} echo reply 7 => down ICMPv6 ${PEER} > ${inside} echo reply 7
         down ICMPv6 ${PEER} > ${outside} 1/4 about UDP [${outside}]:5 > [${PEER}]:53 => down ICMPv6 ${PEER} > ${inside} 1/4 about UDP [${inside}]:5 > [${PEER}]:53
         up ICMPv6 ${inside} > ${PEER} 1/4 about UDP [${PEER}]:53 > [${inside}]:5 => up ICMPv6 ${outside} > ${PEER} 1/4 about UDP [${PEER}]:53 > [${outside}]:5`,
      ],
    ],
  ]),
)
