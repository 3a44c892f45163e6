import type { NatOptions } from '../options.ts'

export const NAT = '203.0.113.7'
const eim = { mapping: 'endpoint-independent' } as const
const IN = '10.0.0.2:1234'
const OUT = '198.51.100.7:80'
const up = (flags: string): string => `up TCP ${IN} > ${OUT} ${flags} => up TCP ${NAT}:$a > ${OUT} ${flags}\n`
const down = (flags: string): string => `down TCP ${OUT} > ${NAT}:$a ${flags} => down TCP ${OUT} > ${IN} ${flags}\n`
const open = up('SYN') + down('SYN ACK') + up('ACK')
const goneUp = `up TCP ${IN} > ${OUT} ACK => drop tcp-no-session + down TCP ${OUT} > ${IN} RST\n`
const goneDown = `down TCP ${OUT} > ${NAT}:$a ACK => drop no-mapping\n`

/** NAT44's by name: options, and a script for `runScript`. */
export const cases: Readonly<Record<string, readonly [options: Partial<NatOptions>, script: string]>> = {
  dynamic: [
    {},
    `${open}up UDP ${IN} > ${OUT} => up UDP ${NAT}:$u > ${OUT}
     down UDP ${OUT} > ${NAT}:$u => down UDP ${OUT} > ${IN}
     up ICMP 10.0.0.2 > 198.51.100.7 echo request 7 => up ICMP ${NAT} > 198.51.100.7 echo request $i
     down ICMP 198.51.100.7 > ${NAT} echo reply $i => down ICMP 198.51.100.7 > 10.0.0.2 echo reply 7`,
  ],
  dynamic_edge_ports: [
    { ports: [1, 65_535] },
    [1, 65_535]
      .map(
        (port) => `up UDP 10.0.0.2:${port} > 198.51.100.7:${port} => up UDP ${NAT}:$p${port} > 198.51.100.7:${port}
          down UDP 198.51.100.7:${port} > ${NAT}:$p${port} => down UDP 198.51.100.7:${port} > 10.0.0.2:${port}`,
      )
      .join('\n'),
  ],
  dynamic_out_of_ports: [
    { ports: [4000, 4000] },
    `up UDP 10.0.0.2:1 > ${OUT} => up UDP ${NAT}:4000 > ${OUT}
     up UDP 10.0.0.2:2 > ${OUT} => drop ports-exhausted + down ICMP ${NAT} > 10.0.0.2 3/13 about UDP 10.0.0.2:2 > ${OUT}
     wait 300 s
     up UDP 10.0.0.2:2 > ${OUT} => up UDP ${NAT}:4000 > ${OUT}`,
  ],
  dynamic_ports_exhausted: [
    { ports: [4000, 4000] },
    `up TCP 10.0.0.2:1 > ${OUT} SYN => up TCP ${NAT}:4000 > ${OUT} SYN
     up TCP 10.0.0.2:2 > ${OUT} SYN => drop ports-exhausted + down ICMP ${NAT} > 10.0.0.2 3/13 about TCP 10.0.0.2:2 > ${OUT} SYN
     up TCP 10.0.0.2:2 > 198.51.100.8:80 SYN => up TCP ${NAT}:4000 > 198.51.100.8:80 SYN`,
  ],
  icmp_error: [
    {},
    `${open}down ICMP 192.0.2.9 > ${NAT} 3/1 about TCP ${NAT}:$a > ${OUT} ACK => down ICMP 192.0.2.9 > 10.0.0.2 3/1 about TCP ${IN} > ${OUT} ACK`,
  ],
  icmp_error_fwd_outbound: [
    {},
    `${open}up ICMP 10.0.0.2 > 198.51.100.7 3/3 about TCP ${OUT} > ${IN} ACK => up ICMP ${NAT} > 198.51.100.7 3/3 about TCP ${OUT} > ${NAT}:$a ACK`,
  ],
  tcp_close: [{}, `${open + up('FIN ACK') + down('FIN ACK') + up('ACK')}wait 240 s\n${goneUp}${goneDown}`],
  tcp_session_close_in: [
    {},
    `${open + up('FIN ACK') + down('ACK') + down('FIN ACK') + up('ACK')}wait 240 s\n${goneUp}`,
  ],
  tcp_session_close_out: [
    {},
    `${open + down('FIN ACK') + up('ACK') + up('FIN ACK') + down('ACK')}wait 240 s\n${goneUp}`,
  ],
  tcp_session_close_simultaneous: [
    {},
    `${open + up('FIN ACK') + down('FIN ACK') + up('ACK') + down('ACK')}wait 240 s\n${goneUp}`,
  ],
  tcp_session_half_reopen_inside: [
    {},
    `${open + up('FIN ACK') + down('FIN ACK')}wait 200 s\n${up('SYN')}wait 41 s\n${down('SYN ACK')}`,
  ],
  tcp_session_half_reopen_outside: [
    {},
    `${open + up('FIN ACK') + down('FIN ACK')}wait 200 s\n${down('SYN')}wait 41 s\n${goneDown}`,
  ],
  tcp_session_reopen: [{}, `${open + up('FIN ACK') + down('FIN ACK') + open}wait 3600 s\n${down('ACK')}`],
  tcp_session_open_retransmit1: [
    {},
    `${up('SYN') + up('SYN') + down('SYN ACK') + up('ACK')}wait 3600 s\n${down('ACK')}`,
  ],
  tcp_session_open_retransmit2: [
    {},
    `${up('SYN') + down('SYN ACK') + down('SYN ACK') + up('ACK')}wait 3600 s\n${down('ACK')}`,
  ],
  session_rst_timeout: [
    {},
    `${up('SYN') + down('SYN ACK') + up('RST')}wait 239 s\n${down('ACK')}wait 1 s\n${goneDown}`,
  ],
  session_rst_established_timeout: [{}, `${open + down('RST')}wait 239 s\n${down('ACK')}wait 1 s\n${goneDown}`],
  next_src_nat: [
    { forwards: [{ protocol: 'udp', port: 53, to: '10.0.0.3' }] },
    `down UDP 198.51.100.7:9 > ${NAT}:53 => down UDP 198.51.100.7:9 > 10.0.0.3:53
     up UDP 10.0.0.3:53 > 198.51.100.7:9 => up UDP ${NAT}:53 > 198.51.100.7:9`,
  ],
  static_in: [
    { staticAddresses: [{ inside: '10.0.0.2', outside: '203.0.113.9' }] },
    `up TCP ${IN} > ${OUT} SYN => up TCP 203.0.113.9:1234 > ${OUT} SYN
     down TCP ${OUT} > 203.0.113.9:1234 SYN ACK => down TCP ${OUT} > ${IN} SYN ACK`,
  ],
  static_out: [
    { staticAddresses: [{ inside: '10.0.0.2', outside: '203.0.113.9' }] },
    `down TCP ${OUT} > 203.0.113.9:1234 SYN => down TCP ${OUT} > ${IN} SYN
     up TCP ${IN} > ${OUT} SYN ACK => up TCP 203.0.113.9:1234 > ${OUT} SYN ACK`,
  ],
  static_with_port_in: [
    { forwards: [{ protocol: 'tcp', port: 8080, to: '10.0.0.2', toPort: 1234 }] },
    `up TCP ${IN} > ${OUT} SYN => up TCP ${NAT}:8080 > ${OUT} SYN`,
  ],
  static_with_port_out: [
    { forwards: [{ protocol: 'tcp', port: 8080, to: '10.0.0.2', toPort: 1234 }] },
    `down TCP ${OUT} > ${NAT}:8080 SYN => down TCP ${OUT} > ${IN} SYN`,
  ],
  identity_nat: [
    { staticAddresses: [{ inside: '192.0.2.200', outside: '192.0.2.200' }] },
    `up TCP 192.0.2.200:5 > ${OUT} SYN => up TCP 192.0.2.200:5 > ${OUT} SYN`,
  ],
  hairpinning: [
    { ...eim, forwards: [{ protocol: 'tcp', port: 80, to: '10.0.0.3' }] },
    `up TCP ${IN} > ${NAT}:80 SYN => down TCP ${NAT}:$a > 10.0.0.3:80 SYN
     up TCP 10.0.0.3:80 > ${NAT}:$a SYN ACK => down TCP ${NAT}:80 > ${IN} SYN ACK`,
  ],
  hairpinning2: [
    { staticAddresses: [1, 2].map((i) => ({ inside: `10.0.1.${i}`, outside: `203.0.113.${100 + i}` })) },
    `up TCP 10.0.1.1:5 > 203.0.113.102:80 SYN => down TCP 203.0.113.101:5 > 10.0.1.2:80 SYN
     up TCP 10.0.1.2:80 > 203.0.113.101:5 SYN ACK => down TCP 203.0.113.102:80 > 10.0.1.1:5 SYN ACK
     up TCP ${IN} > 203.0.113.102:80 SYN => down TCP ${NAT}:$a > 10.0.1.2:80 SYN
     up TCP 10.0.1.2:80 > ${NAT}:$a SYN ACK => down TCP 203.0.113.102:80 > ${IN} SYN ACK`,
  ],
  hairpinning_avoid_inf_loop: [
    { staticAddresses: [{ inside: '10.0.1.1', outside: '203.0.113.101' }] },
    'up TCP 10.0.1.1:5 > 203.0.113.101:5 SYN => down TCP 203.0.113.101:5 > 10.0.1.1:5 SYN',
  ],
  ping_internal_host_from_outside: [
    { staticAddresses: [{ inside: '10.0.0.2', outside: '203.0.113.9' }] },
    `down ICMP 198.51.100.7 > 203.0.113.9 echo request 7 => down ICMP 198.51.100.7 > 10.0.0.2 echo request 7
     up ICMP 10.0.0.2 > 198.51.100.7 echo reply 7 => up ICMP 203.0.113.9 > 198.51.100.7 echo reply 7`,
  ],
  unknown_proto: [
    { otherProtocols: true },
    `up 47 10.0.0.2 > 198.51.100.7 => up 47 ${NAT} > 198.51.100.7
     down 47 198.51.100.7 > ${NAT} => down 47 198.51.100.7 > 10.0.0.2
     down 47 198.51.100.8 > ${NAT} => drop no-mapping`,
  ],
  static_unknown_proto: [
    { staticAddresses: [{ inside: '10.0.0.2', outside: '203.0.113.9' }] },
    `up 47 10.0.0.2 > 198.51.100.7 => up 47 203.0.113.9 > 198.51.100.7
     down 47 198.51.100.7 > 203.0.113.9 => down 47 198.51.100.7 > 10.0.0.2`,
  ],
  hairpinning_unknown_proto: [
    { otherProtocols: true, staticAddresses: [{ inside: '10.0.1.1', outside: '203.0.113.101' }] },
    `up 47 10.0.0.2 > 203.0.113.101 => down 47 ${NAT} > 10.0.1.1
     up 47 10.0.1.1 > ${NAT} => down 47 203.0.113.101 > 10.0.0.2`,
  ],
  hairpinning_static_unknown_proto: [
    { staticAddresses: [1, 2].map((i) => ({ inside: `10.0.1.${i}`, outside: `203.0.113.${100 + i}` })) },
    `up 47 10.0.1.1 > 203.0.113.102 => down 47 203.0.113.101 > 10.0.1.2
     up 47 10.0.1.2 > 203.0.113.101 => down 47 203.0.113.102 > 10.0.1.1`,
  ],
  ping_to_outside_interface: [{}, `down ICMP 198.51.100.7 > ${NAT} echo request 7 => drop no-mapping`],
  overlapping_addresses: [
    {},
    `up UDP 198.51.100.7:5 > 198.51.100.7:53 => up UDP ${NAT}:$b > 198.51.100.7:53
     down UDP 198.51.100.7:53 > ${NAT}:$b => down UDP 198.51.100.7:53 > 198.51.100.7:5`,
  ],
  port_range: [
    { ports: [4000, 4001] },
    `up UDP 10.0.0.2:1 > ${OUT} => up UDP ${NAT}:$x > ${OUT}
     up UDP 10.0.0.2:2 > ${OUT} => up UDP ${NAT}:$y > ${OUT}
     up UDP 10.0.0.2:3 > ${OUT} => drop ports-exhausted + down ICMP ${NAT} > 10.0.0.2 3/13 about UDP 10.0.0.2:3 > ${OUT}`,
  ],
  ipfix_addr_exhausted: [
    { pick: 'pinned', pins: { '10.0.0.2': NAT } },
    `up UDP 10.0.0.3:1 > ${OUT} => drop no-outside-address + down ICMP ${NAT} > 10.0.0.3 3/13 about UDP 10.0.0.3:1 > ${OUT}`,
  ],
  ipfix_max_sessions: [
    { sessions: 1 },
    `up UDP 10.0.0.2:1 > ${OUT} => up UDP ${NAT}:$x > ${OUT}
     up UDP 10.0.0.2:2 > ${OUT} => drop sessions-exhausted + down ICMP ${NAT} > 10.0.0.2 3/13 about UDP 10.0.0.2:2 > ${OUT}`,
  ],
  lru_cleanup: [
    { sessions: 2, sessionsPerPeer: 2 },
    `up UDP 10.0.0.2:1 > ${OUT} => up UDP ${NAT}:$x > ${OUT}
     ${open}wait 300 s
     up UDP 10.0.0.2:2 > ${OUT} => up UDP ${NAT}:$y > ${OUT}
     ${down('ACK')}`,
  ],
}
