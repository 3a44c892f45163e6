/**
 * What:  A whole WireGuard tunnel in one process, without root and without a network: two stacks with real keys and real
 *        handshakes, over a simulated network that loses every tenth datagram.
 * Run:   npm run build && node examples/dist/two-peers-in-memory.js
 * Prints:
 *        alice: session-up with bob
 *        bob: session-up with alice
 *        bob received 5 bytes of UDP from 10.0.0.1: hello
 *        alice received 8 bytes of UDP from 10.0.0.2: hi there
 *        after an hour: 3600 sent, 90 % arrived, none twice
 */
import { ipv4, MemoryHost, SeededRandom, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import {
  allowedIps,
  bind,
  CLOCK,
  generatePrivateKey,
  publicKeyOf,
  RANDOM,
  runtimeWith,
  stack,
  wireguard,
} from 'millrace'

const clock = new VirtualClock()
// A clock to turn and repeatable randomness: for tests and demonstrations only.
const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(1)))
const network = new SimulatedNetwork({ delay: 20, jitter: 10 })
const keys = { alice: generatePrivateKey(), bob: generatePrivateKey() }
const addresses = { alice: '10.0.0.1', bob: '10.0.0.2' }
const endpoints = { alice: '192.0.2.1:51820', bob: '192.0.2.2:51820' }

type Name = 'alice' | 'bob'

/** One end: its wire, WireGuard with the other as peer, and a host that hands what arrives to `receive`. */
async function start(me: Name, other: Name, receive: (bytes: Uint8Array) => void): Promise<MemoryHost> {
  const host = new MemoryHost({ receive })
  const peer = {
    name: other,
    publicKey: publicKeyOf(keys[other]),
    endpoint: endpoints[other],
    allowedIps: [addresses[other]],
  }
  const tunnel = wireguard({ privateKey: keys[me], peers: [peer] })
  tunnel.events.subscribe((event) => {
    if (event.type === 'session-up') console.log(`${me}: ${event.type} with ${event.peer.name}`)
  })
  await stack(network.udp(endpoints[me]), { runtime }).layer(tunnel).layer(allowedIps()).end(host).start()
  return host
}

const show = (me: Name, from: Name) => (bytes: Uint8Array) => {
  const text = Buffer.from(bytes.subarray(28)).toString()
  console.log(`${me} received ${text.length} bytes of UDP from ${addresses[from]}: ${text}`)
}
const packet = (from: Name, to: Name, text: string): Uint8Array =>
  ipv4({ source: addresses[from], destination: addresses[to] }, udpSegment({ sourcePort: 7, destinationPort: 7 }, text))

let atBob = show('bob', 'alice')
const alice = await start('alice', 'bob', show('alice', 'bob'))
const bob = await start('bob', 'alice', (bytes) => atBob(bytes))

alice.send(packet('alice', 'bob', 'hello'))
clock.advance(1000)
bob.send(packet('bob', 'alice', 'hi there'))
clock.advance(1000)

// An hour in which every tenth datagram is lost, handshakes included.
network.conditions = { ...network.conditions, loss: 0.1 }
const numbers: string[] = []
atBob = (bytes) => void numbers.push(Buffer.from(bytes.subarray(28)).toString())
for (let second = 0; second < 3600; second++) {
  alice.send(packet('alice', 'bob', String(second)))
  clock.advance(1000)
}
const share = Math.round((numbers.length / 3600) * 100)
const twice = numbers.length - new Set(numbers).size
console.log(`after an hour: 3600 sent, ${share} % arrived, ${twice === 0 ? 'none' : twice} twice`)
