// Valid handshake initiations, made beforehand, from many peers to one responder. Nothing in them depends on who
// answers or when: TAI64N only has to grow from one to the next of the same peer, so that a file of them serves every
// implementation and every run. They come round robin, so that no peer is seen twice within its 20 ms.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ipv4, MemoryHost, SimulatedNetwork, udpSegment, VirtualClock } from '@millrace/core/testing'
import { allowedIps, bind, CLOCK, generatePrivateKey, publicKeyOf, runtimeWith, stack, wireguard } from 'millrace'

export const INITIATION_LENGTH = 148
export const PEERS = 512
const EACH = 48
/** REKEY_TIMEOUT and its jitter have passed: the next packet begins a handshake anew. */
const RETRY = 6000
const RESPONDER = '192.0.2.1:1'

/** From the cache folder, or made there: the responder's private key, the peers' public keys, and the messages' file. */
export async function initiationsIn(folder, note) {
  const [keys, messages] = [join(folder, 'initiations.json'), join(folder, 'initiations.bin')]
  if (!existsSync(keys) || !existsSync(messages)) {
    note(`making ${PEERS * EACH} handshake initiations, once`)
    const privateKey = generatePrivateKey()
    const made = []
    for (let i = 0; i < PEERS; i++) made.push(await initiationsOf(publicKeyOf(privateKey)))
    mkdirSync(folder, { recursive: true })
    const inTurns = Array.from({ length: EACH }, (_, turn) => made.map(({ messages }) => messages[turn]))
    writeFileSync(messages, Buffer.concat(inTurns.flat()), { mode: 0o600 })
    const peerPublicKeys = made.map(({ publicKey }) => publicKey)
    writeFileSync(keys, JSON.stringify({ privateKey, peerPublicKeys }), { mode: 0o600 })
  }
  return { ...JSON.parse(readFileSync(keys, 'utf8')), messages }
}

/** A peer of its own that calls a responder which never answers, on a clock that is turned. */
async function initiationsOf(responderPublicKey) {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork()
  const host = new MemoryHost()
  const messages = []
  network.eavesdrop = ({ bytes }) => messages.push(bytes)
  const privateKey = generatePrivateKey()
  const peers = [{ publicKey: responderPublicKey, endpoint: RESPONDER, allowedIps: ['0.0.0.0/0'] }]
  const options = { runtime: runtimeWith(bind(CLOCK, clock)), pool: { slots: 256, jumboSlots: 1 } }
  const running = await stack(network.udp('192.0.2.2:2'), options)
    .layer(wireguard({ privateKey, peers }))
    .layer(allowedIps())
    .end(host)
    .start()
  const packet = ipv4(
    { source: '10.9.0.2', destination: '10.9.0.1' },
    udpSegment({ sourcePort: 1, destinationPort: 9 }),
  )
  while (messages.length < EACH) {
    host.send(packet)
    clock.advance(RETRY)
  }
  await running.stop()
  const initiations = messages.filter((bytes) => bytes.length === INITIATION_LENGTH).slice(0, EACH)
  if (initiations.length < EACH) throw new Error('something else than an initiation was sent')
  return { publicKey: publicKeyOf(privateKey), messages: initiations }
}
