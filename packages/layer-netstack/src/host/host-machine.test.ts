import { type IpPacket, type RunningStack, stack } from '@millrace/core'
import { describeBytes, icmpEcho, ipv4, MemoryHost, packetFromText, payload } from '@millrace/core/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { netstack } from './netstack.ts'

const PEER = '10.0.0.9'
const OWN = '10.0.0.1'

let running: RunningStack
let wire: MemoryHost
const answers: Uint8Array[] = []

beforeEach(async () => {
  answers.length = 0
  wire = new MemoryHost({ name: 'wire', receive: (bytes) => answers.push(bytes) })
  running = await stack<IpPacket>(wire)
    .end(netstack({ addresses: [OWN] }))
    .start()
})
afterEach(async () => {
  await running.stop()
  expect(running.pool.inUse).toBe(0)
})

test('a ping is answered, byte for byte', () => {
  const data = 'x'.repeat(3000)
  const transport = icmpEcho({ type: 'request', identifier: 7, sequence: 3 }, data)
  wire.send(packetFromText(`ICMP ${PEER} > ${OWN} echo request 7`), ipv4({ source: PEER, destination: OWN }, transport))
  expect(describeBytes(answers[0]!)).toBe(`ICMP ${OWN} > ${PEER} echo reply 7`)
  // The second is larger than the MTU.
  expect(answers.length).toBe(4)
})

test('pings hold nothing: however many one peer has sent, the next is answered', () => {
  const ping = (identifier: number): Uint8Array =>
    ipv4({ source: PEER, destination: OWN }, icmpEcho({ type: 'request', identifier }))
  for (let i = 0; i < 5000; i += 100) wire.send(...Array.from({ length: 100 }, (_, n) => ping(i + n)))
  expect(answers).toHaveLength(5000)
})

test('what is sent to somebody else goes no further', () => {
  wire.send(packetFromText(`UDP ${PEER}:1 > 10.0.0.2:2`), packetFromText(`TCP ${PEER}:1 > 10.0.0.2:2 SYN`))
  expect(running.drops()).toMatchObject([{ reason: 'not-for-this-host', packets: 2 }])
  expect(answers).toEqual([])
})

test.each([
  [`UDP ${PEER}:1 > ${OWN}:2`, `ICMP ${OWN} > ${PEER} 3/3 about UDP ${PEER}:1 > ${OWN}:2`],
  [`TCP ${PEER}:1 > ${OWN}:2 SYN`, `TCP ${OWN}:2 > ${PEER}:1 RST ACK`],
  [`TCP ${PEER}:1 > ${OWN}:2`, `TCP ${OWN}:2 > ${PEER}:1 RST`],
])('what nobody listens for is refused: %s', (packet, answer) => {
  wire.send(packetFromText(packet))
  expect(answers.map(describeBytes)).toEqual([answer])
})

test('a protocol that it does not speak goes no further', () => {
  wire.send(ipv4({ source: PEER, destination: OWN }, payload(47)))
  expect(running.drops()).toMatchObject([{ reason: 'protocol-not-supported' }])
})
