import type { SeededRandom } from '@millrace/core/testing'
import { Connection, DATA, WINDOW } from './nat-differential-connection.ts'
import type { Flow, Shot } from './nat-differential-flow.ts'
import { type Direction, damaged, errorAbout } from './nat-differential-shots.ts'

type Scenario = (flow: Flow, random: SeededRandom) => readonly Shot[]

const WINDOW_SCALE = Uint8Array.of(1, 3, 3, 7)
const FAR = 1_000_000_000

function connection(play: (tcp: Connection, random: SeededRandom) => readonly Shot[]): Scenario {
  return (flow, random) => play(new Connection(flow, random), random)
}

/** Opens, talks, does something, and talks again. */
function amid(play: (tcp: Connection, random: SeededRandom) => readonly Shot[]): Scenario {
  return connection((tcp, random) => [...tcp.open(WINDOW_SCALE), ...tcp.talk(), ...play(tcp, random), ...tcp.talk()])
}

/** Opens, talks and closes; and what comes late. */
function closes(play: (tcp: Connection) => readonly Shot[]): Scenario {
  return connection((tcp) => [
    ...tcp.open(WINDOW_SCALE),
    ...tcp.talk(),
    ...play(tcp),
    tcp.send('late ACK', 'up', 'ACK'),
    tcp.send('late ACK', 'down', 'ACK'),
  ])
}

/** Segments of both sides, some twice, some before the one they should come after. */
function poorLine(tcp: Connection, random: SeededRandom): readonly Shot[] {
  const sent: Shot[] = []
  for (let i = 0; i < 20; i++) {
    const direction = random.chance(0.5) ? 'up' : 'down'
    const shot = tcp.send('some data', direction, 'PSH ACK')
    const overtakes = sent[sent.length - 1]?.direction === direction && random.chance(0.5)
    sent.splice(overtakes ? sent.length - 1 : sent.length, 0, shot)
    if (random.chance(0.2)) sent.push(shot)
  }
  return sent
}

function about(
  label: string,
  { flow, client, server }: Connection,
  direction: Direction,
  sequence: number,
  options: Parameters<typeof errorAbout>[3],
): Shot {
  const acknowledgment = direction === 'up' ? server : client
  return errorAbout(label, direction, flow, { ...options, tcp: { sequence, acknowledgment, window: WINDOW } })
}

export const TCP_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'opens and talks': amid(() => []),
  'with a large MSS': connection((tcp) => [
    tcp.send('SYN', 'up', 'SYN', 0, { tcp: { mss: 8960 } }),
    tcp.send('SYN-ACK', 'down', 'SYN ACK', 0, { tcp: { mss: 9000 } }),
    ...tcp.talk(),
  ]),
  'with a small MSS': connection((tcp) => [
    tcp.send('SYN', 'up', 'SYN', 0, { tcp: { mss: 536 } }),
    tcp.send('SYN-ACK', 'down', 'SYN ACK', 0, { tcp: { mss: 1200 } }),
    ...tcp.talk(),
  ]),
  'SYN repeated': connection((tcp) => [
    tcp.send('SYN', 'up', 'SYN', 0),
    tcp.send('SYN again', 'up', 'SYN', -1),
    tcp.send('SYN-ACK', 'down', 'SYN ACK'),
    tcp.send('SYN-ACK again', 'down', 'SYN ACK', -1),
    tcp.send('ACK', 'up', 'ACK'),
    ...tcp.talk(),
  ]),
  'refused by RST': connection((tcp) => [
    tcp.send('SYN', 'up', 'SYN'),
    tcp.send('RST', 'down', 'RST ACK'),
    tcp.send('SYN once more', 'up', 'SYN'),
    tcp.send('SYN-ACK', 'down', 'SYN ACK'),
    tcp.send('ACK', 'up', 'ACK'),
  ]),
  'refused by a RST that acknowledges nothing': connection((tcp) => [
    tcp.send('SYN', 'up', 'SYN'),
    tcp.send('blind RST', 'down', 'RST', 5),
    tcp.send('SYN-ACK', 'down', 'SYN ACK'),
    tcp.send('ACK', 'up', 'ACK'),
    ...tcp.talk(),
  ]),
  'opens at both ends': connection((tcp) => {
    const first = tcp.send('SYN', 'up', 'SYN')
    return [
      first,
      tcp.send('SYN', 'down', 'SYN'),
      tcp.send('SYN-ACK', 'up', 'SYN ACK', -1),
      tcp.send('SYN-ACK', 'down', 'SYN ACK', -1),
      ...tcp.talk(),
    ]
  }),
  'closed by the client': closes((tcp) => [
    tcp.send('FIN', 'up', 'FIN ACK'),
    tcp.send('ACK', 'down', 'ACK'),
    tcp.send('data', 'down', 'PSH ACK'),
    tcp.send('ACK', 'up', 'ACK'),
    tcp.send('FIN', 'down', 'FIN ACK'),
    tcp.send('ACK', 'up', 'ACK'),
    tcp.send('FIN again', 'down', 'FIN ACK', -1),
  ]),
  'closed by the server': closes((tcp) => [
    tcp.send('FIN', 'down', 'FIN ACK'),
    tcp.send('ACK', 'up', 'ACK'),
    tcp.send('FIN', 'up', 'FIN ACK'),
    tcp.send('ACK', 'down', 'ACK'),
  ]),
  'closed by both at once': closes((tcp) => {
    const up = tcp.send('FIN', 'up', 'FIN ACK')
    const down = tcp.send('FIN', 'down', 'FIN ACK', 0, { tcp: { acknowledgment: tcp.client - 1 } })
    return [up, down, tcp.send('ACK', 'up', 'ACK'), tcp.send('ACK', 'down', 'ACK')]
  }),
  'closed and opened anew': connection((tcp, random) => [
    ...tcp.open(),
    tcp.send('FIN', 'up', 'FIN ACK'),
    tcp.send('FIN', 'down', 'FIN ACK'),
    tcp.send('ACK', 'up', 'ACK'),
    ...new Connection(tcp.flow, random).open(),
  ]),
  'reset by the server': closes((tcp) => [tcp.send('RST', 'down', 'RST ACK')]),
  'reset by the client': closes((tcp) => [tcp.send('RST', 'up', 'RST ACK')]),
  'reset, and opened anew': connection((tcp, random) => [
    ...tcp.open(),
    tcp.send('RST', 'up', 'RST'),
    ...new Connection(tcp.flow, random).open(),
  ]),
  'blind RST from outside, far off': amid((tcp) => [tcp.send('blind RST', 'down', 'RST', FAR)]),
  'blind RST from inside, far off': amid((tcp) => [tcp.send('blind RST', 'up', 'RST', FAR)]),
  'RST from outside, within the window': amid((tcp) => [tcp.send('RST within', 'down', 'RST', 100)]),
  'data far ahead': amid((tcp) => [tcp.send('far', 'down', 'PSH ACK', FAR), tcp.send('far', 'up', 'PSH ACK', FAR)]),
  'a poor line': amid((tcp, random) => poorLine(tcp, random)),
  'data repeated': amid((tcp) => [
    tcp.send('again', 'down', 'PSH ACK', -DATA),
    tcp.send('again', 'up', 'PSH ACK', -DATA),
  ]),
  'keep-alive': amid((tcp) => [
    tcp.send('keep-alive', 'up', 'ACK', -1),
    tcp.send('ACK', 'down', 'ACK'),
    tcp.send('keep-alive', 'down', 'ACK', -1),
    tcp.send('ACK', 'up', 'ACK'),
  ]),
  'acknowledges what was never sent': amid((tcp) => [
    tcp.send('false ACK', 'down', 'ACK', 0, { tcp: { acknowledgment: (tcp.client + FAR) >>> 0 } }),
  ]),
  'in the middle of a connection': connection((tcp) => [...tcp.talk()]),
  'SYN-ACK to nobody': connection((tcp) => [
    tcp.send('stray SYN-ACK', 'up', 'SYN ACK'),
    tcp.send('stray SYN-ACK', 'down', 'SYN ACK'),
  ]),
  'SYN from outside': connection((tcp) => [tcp.send('uninvited SYN', 'down', 'SYN')]),
  'RST to nobody': connection((tcp) => [tcp.send('stray RST', 'up', 'RST'), tcp.send('stray RST', 'down', 'RST')]),
  'FIN to nobody': connection((tcp) => [tcp.send('stray FIN', 'up', 'FIN ACK')]),
  'from strangers': amid((tcp) => [
    tcp.send('other port', 'down', 'PSH ACK', -DATA, { stranger: { remotePort: tcp.flow.remotePort + 1 } }),
    tcp.send('other address', 'down', 'PSH ACK', -DATA, { stranger: { remote: '198.51.100.250' } }),
    tcp.send('RST of another', 'down', 'RST', 0, { stranger: { remote: '198.51.100.250' } }),
  ]),
  'SYN within a connection': amid((tcp) => [
    tcp.send('SYN within', 'down', 'SYN', 50),
    tcp.send('SYN within', 'up', 'SYN', 50),
  ]),
  'nonsensical flags': amid((tcp) => [
    tcp.send('SYN FIN', 'up', 'SYN FIN', 1),
    tcp.send('SYN RST', 'up', 'SYN RST', 1),
    tcp.send('FIN alone', 'up', 'FIN', 1),
    tcp.send('no ACK', 'up', 'PSH', 1),
    tcp.send('SYN FIN', 'down', 'SYN FIN', 1),
    tcp.send('URG alone', 'down', 'URG', 1),
  ]),
  'checksum wrong': amid((tcp) => [
    tcp.send('bad checksum', 'up', 'PSH ACK', 1, { change: (bytes) => [damaged(bytes, 36)] }),
    tcp.send('bad checksum', 'down', 'PSH ACK', 1, { change: (bytes) => [damaged(bytes, 36)] }),
  ]),
  'header length wrong': amid((tcp) => [
    tcp.send('short header', 'up', 'PSH ACK', 1, { change: (bytes) => [damaged(bytes, 32, -0x1000)] }),
    tcp.send('long header', 'down', 'PSH ACK', 1, { change: (bytes) => [damaged(bytes, 32, 0x7000)] }),
  ]),
  'ICMP errors': amid((tcp) => [
    about('unreachable', tcp, 'up', tcp.client, {}),
    about('too big', tcp, 'up', tcp.client, { code: 4, rest: 1200 }),
    about('time exceeded', tcp, 'up', tcp.client, { type: 11, code: 0 }),
    about('unreachable', tcp, 'down', tcp.server, { source: tcp.flow.inside }),
  ]),
  'ICMP errors about what is not in flight': amid((tcp) => [
    about('not in flight', tcp, 'up', (tcp.client + FAR) >>> 0, {}),
    about('not in flight', tcp, 'down', (tcp.server + FAR) >>> 0, {}),
  ]),
}
