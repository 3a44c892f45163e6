import {
  decodePacket,
  icmpError,
  ipv4,
  LayerRig,
  packetFromText,
  runScript,
  SeededRandom,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'

const NAT = '203.0.113.7'
const inside = { source: '10.0.0.2', destination: '198.51.100.7' }
const outside = { source: '198.51.100.7', destination: NAT }

describe('attacks that are known, each tried', () => {
  test('port shadowing (CVE-2021-3773): no peer gets a port that somebody listens on, whatever it asks for', async () => {
    const forwards = [{ protocol: 'tcp', port: 8443, to: '10.0.0.9' }] as const
    const rig = await LayerRig.start(
      nat({ address: NAT, ports: [8440, 8449], reservedPorts: [8441], forwards, sessionsPerPeer: 1000 }),
    )
    // The attacker sends from the very ports, to the victim's own address.
    for (const protocol of ['TCP', 'UDP']) {
      for (let port = 8440; port < 8450; port++) {
        rig.up(packetFromText(`${protocol} 10.0.0.2:${port} > 198.51.100.7:53${protocol === 'TCP' ? ' SYN' : ''}`))
      }
    }
    const sent = rig.take().filter(({ direction }) => direction === 'up')
    const ports = sent.map(({ bytes }) => decodePacket(bytes).sourcePort)
    expect(ports.length).toBe(16)
    expect(ports).not.toContain(8441)
    expect(ports).not.toContain(8443)
  })

  test('no source port is preserved, so none can be predicted', async () => {
    const rig = await LayerRig.start(nat({ address: NAT }))
    let preserved = 0
    for (let port = 2000; port < 2500; port++) {
      rig.up(packetFromText(`UDP 10.0.0.2:${port} > 198.51.100.7:53`))
      if (decodePacket(rig.take()[0]!.bytes).sourcePort === port) preserved++
    }
    expect(preserved).toBeLessThan(3)
  })

  test('ReDAN: who knows both ends but no sequence number can neither see nor end a connection', async () => {
    const rig = await LayerRig.start(nat({ address: NAT }))
    rig.up(ipv4(inside, tcpSegment({ sourcePort: 1234, destinationPort: 80, flags: 'SYN', sequence: 1_000_000_000 })))
    const destinationPort = decodePacket(rig.take()[0]!.bytes).sourcePort as number
    const server = { sourcePort: 80, destinationPort, window: 1000 }
    const answer = { ...server, flags: 'SYN ACK', sequence: 2_000_000_000, acknowledgment: 1_000_000_001 }
    rig.down(ipv4(outside, tcpSegment(answer)))
    const ack = {
      sourcePort: 1234,
      destinationPort: 80,
      sequence: 1_000_000_001,
      acknowledgment: 2_000_000_001,
      window: 1000,
    }
    rig.up(ipv4(inside, tcpSegment(ack)))
    rig.take()
    const random = new SeededRandom(5)
    let errors = 0
    for (let i = 0; i < 2000; i++) {
      const sequence = random.uint32()
      const quote = tcpSegment({ sourcePort: destinationPort, destinationPort: 80, sequence })
      const tooBig = icmpError(
        { type: 3, code: 4, rest: 68 },
        ipv4({ source: NAT, destination: '198.51.100.7' }, quote),
      )
      rig.down(ipv4({ source: '192.0.2.66', destination: NAT }, tooBig))
      errors += rig.take().length
      rig.down(ipv4(outside, tcpSegment({ ...server, flags: 'RST', sequence })))
      rig.take()
    }
    // A window of 1,000 in 2^32: one guess in four million is right. None of these is.
    expect(errors).toBe(0)
    rig.clock.advance(7_000_000)
    rig.down(ipv4(outside, tcpSegment({ ...server, sequence: 2_000_000_001 })))
    expect(rig.take().length).toBe(1)
  })

  test('ICMP errors of any kind, invented by whoever, change no table', async () => {
    const layer = nat({ address: NAT })
    const rig = await LayerRig.start(layer)
    const known = runScript(rig, `up UDP 10.0.0.2:5000 > 198.51.100.7:53 => up UDP ${NAT}:$a > 198.51.100.7:53`)
    const before = layer.statistics()
    const random = new SeededRandom(6)
    for (let i = 0; i < 5000; i++) {
      const sourcePort = random.chance(0.5) ? Number(known.get('$a')) : random.uint32() & 0xffff
      const quote = ipv4({ source: NAT, destination: '198.51.100.7' }, udpSegment({ sourcePort, destinationPort: 53 }))
      const fields = { type: random.chance(0.5) ? 3 : 11, code: random.uint32() % 16 }
      rig.down(ipv4({ source: '192.0.2.66', destination: NAT }, icmpError(fields, quote)))
    }
    expect(layer.statistics()).toEqual(before)
    rig.take()
    rig.clock.advance(299_000)
    runScript(rig, `down UDP 198.51.100.7:53 > ${NAT}:$a => down UDP 198.51.100.7:53 > 10.0.0.2:5000`, known)
  })

  test('one peer that opens all it can leaves the others what they need', async () => {
    const layer = nat({ address: NAT, sessions: 4000, ports: [10_000, 14_095] })
    const rig = await LayerRig.start(layer)
    const [attacker, other] = [{ name: 'attacker' }, { name: 'other' }]
    for (let port = 1; port <= 3000; port++) {
      rig.up({ bytes: packetFromText(`UDP 10.0.0.2:${port} > 198.51.100.7:53`), peer: attacker })
    }
    rig.take()
    for (let port = 1; port <= 900; port++) {
      rig.up({ bytes: packetFromText(`UDP 10.0.0.3:${port} > 198.51.100.7:53`), peer: other })
    }
    expect(rig.take().filter(({ direction }) => direction === 'up').length).toBe(900)
    expect(layer.statistics()?.peers).toMatchObject([{ peer: attacker, sessions: 1000 }, { sessions: 900 }])
  })

  test('a flood of SYNs from outside makes no state, even where filtering lets them in', async () => {
    const mapping = 'endpoint-independent'
    const layer = nat({ address: NAT, mapping, filtering: mapping })
    const rig = await LayerRig.start(layer)
    const known = runScript(rig, `up TCP 10.0.0.2:5000 > 198.51.100.7:80 SYN => up TCP ${NAT}:$a > 198.51.100.7:80 SYN`)
    for (let port = 1; port <= 5000; port++)
      rig.down(packetFromText(`TCP 192.0.2.66:${port} > ${NAT}:${known.get('$a')} SYN`))
    expect(rig.take().length).toBe(5000)
    expect(layer.statistics()?.sessions.opened).toBe(1)
  })

  test.each([
    ['FTP', 21, 'PORT 10,0,0,2,19,137\r\n'],
    ['SIP', 5060, 'INVITE sip:x SIP/2.0\r\nContact: <sip:y@10.0.0.2:5000>\r\n'],
    ['IRC', 6667, 'PRIVMSG x :\u0001DCC SEND f 167772162 5000\u0001\r\n'],
    ['H.323', 1720, '\u0003\u0000\n\u0000\u0002\u0013\u0088'],
  ])(
    'NAT slipstreaming: there is no ALG, what looks like %s passes untouched and opens nothing',
    async (_name, port, text) => {
      const layer = nat({ address: NAT })
      const rig = await LayerRig.start(layer)
      rig.up(ipv4(inside, tcpSegment({ sourcePort: 1234, destinationPort: port, flags: 'SYN' })))
      rig.up(ipv4(inside, tcpSegment({ sourcePort: 1234, destinationPort: port }, text)))
      rig.up(ipv4(inside, udpSegment({ sourcePort: 1234, destinationPort: port }, text)))
      const sent = rig.take().map(({ bytes }) => decodePacket(bytes).payload)
      for (const data of sent.slice(1)) expect(new TextDecoder().decode(data)).toBe(text)
      expect(layer.statistics()?.sessions.opened).toBe(2)
      runScript(rig, `down TCP 198.51.100.7:20 > ${NAT}:5000 SYN => drop no-mapping`)
    },
  )
})
