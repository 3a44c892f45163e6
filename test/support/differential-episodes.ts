import { parseSocketAddress } from '@millrace/core'
import { nodeCrypto } from '../../packages/layer-wireguard/src/crypto/node.ts'
import { CookieChecker } from '../../packages/layer-wireguard/src/proto/cookies.ts'
import { below, bytesOf, pick } from './differential-inner.ts'
import { newKeyPair, type Session } from './differential-peer.ts'
import { ANSWERS, lowOrderAnswer, respond } from './differential-responses.ts'
import { FAR_FUTURE, FLOOD_GAP, initiate, type Scene, type Shot, seal } from './differential-shot.ts'
import { ordinary } from './differential-transport.ts'

/** What an episode may do. Its peer is as if configured a moment ago when it begins. */
interface Stage {
  readonly scene: Scene
  /** Sends, lets the implementation finish with it, and tells what became of each. */
  play(...shots: readonly Shot[]): Promise<string>
  /** When the handshake messages of the last play had been looked at, of performance.now. */
  handshakesDone(): number
  /** Takes the peer away and configures it anew: the implementation has forgotten all about it. */
  renew(): Promise<void>
  /** Waits until the peer may begin a handshake again. */
  gap(): Promise<void>
  /** A new session, confirmed. */
  begin(): Promise<Session>
  /** Makes the implementation begin a handshake, and returns its initiation. */
  provoke(): Promise<Uint8Array>
  /** What became of a packet of the host's to this peer. */
  probe(): Promise<string>
}

type Episode = (stage: Stage) => Promise<string>

const LIMITS = [
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 2n ** 13n - 2n,
  2n ** 64n - 2n ** 13n - 1n,
  2n ** 64n - 2n ** 13n,
  2n ** 64n - 1n,
] as const
const AROUND = [-8193n, -8192n, -8191n, -8129n, -8128n, -8127n, -65n, -64n, -33n, -1n, 0n, 1n, 64n, 8192n]

function data(scene: Scene, session: Session, counter: bigint = session.nextCounter): Shot {
  const id = scene.newId()
  return seal(scene, id, ordinary(scene, id), { session, counter })
}

function answered(answers: (scene: Scene, message: Uint8Array) => readonly Shot[]): Episode {
  return async (stage) => {
    const message = await stage.provoke()
    return stage.play(...answers(stage.scene, message))
  }
}

/** Steps that take more than one turn, or a state of their own. */
export const EPISODES: Readonly<Record<string, Episode>> = {
  ...Object.fromEntries(
    Object.entries(ANSWERS).map(([name, answers]) => [
      `${name}, then a valid one`,
      answered((scene, message) => [...answers(scene, message), respond(scene, message)]),
    ]),
  ),
  'response with an ephemeral key of low order': answered(lowOrderAnswer),
  'counters at the limits': async (stage) => {
    const { random } = stage.scene
    const session = await stage.begin()
    const limit = pick(random, LIMITS)
    const counters = [limit, ...Array.from({ length: 8 }, () => limit + pick(random, AROUND))]
    const possible = counters.filter((counter) => counter < 2n ** 64n)
    return stage.play(...possible.map((counter) => data(stage.scene, session, counter)))
  },
  'counter of REJECT_AFTER_MESSAGES and more': async (stage) => {
    const session = await stage.begin()
    const counters = [2n ** 64n - 1n, 2n ** 64n - 2n ** 13n - 1n, 2n ** 64n - 2n ** 13n - 2n, 1n]
    return stage.play(...counters.map((counter) => data(stage.scene, session, counter)))
  },
  'two initiations at once': async (stage) => {
    const { scene } = stage
    const began = performance.now()
    const outcome = await stage.play(initiate(scene, scene.newId()), initiate(scene, scene.newId()))
    const inTime = stage.handshakesDone() - began < FLOOD_GAP
    return inTime || outcome.endsWith('dropped') ? outcome : UNKNOWN
  },
  'two initiations, one after the other': async (stage) => {
    const first = await stage.play(initiate(stage.scene, stage.scene.newId()))
    await stage.gap()
    return `${first} | ${await stage.play(initiate(stage.scene, stage.scene.newId()))}`
  },
  'initiation of the far future, then one of today': async (stage) => {
    const { scene } = stage
    const future = FAR_FUTURE + below(scene.random, 1000)
    const first = await stage.play(initiate(scene, scene.newId(), { stamp: future }))
    await stage.gap()
    const second = await stage.play(initiate(scene, scene.newId()))
    await stage.gap()
    return `${first} | ${second} | ${await stage.play(initiate(scene, scene.newId(), { stamp: future + 1 }))}`
  },
  'peer configured anew: old session, old timestamp': async (stage) => {
    const { scene } = stage
    const session = await stage.begin()
    const stamp = scene.peer.answeredStamp
    await stage.renew()
    const late = await stage.play(data(scene, session))
    return `${late} | ${await stage.play(initiate(scene, scene.newId(), { stamp }))}`
  },
  'session that was not confirmed, and the next': async (stage) => {
    const { scene } = stage
    const confirmed = await stage.begin()
    const sessions = [confirmed]
    const outcomes: string[] = []
    for (let i = 0; i < 2; i++) {
      await stage.gap()
      outcomes.push(await stage.play(initiate(scene, scene.newId())))
      sessions.unshift(scene.peer.sessions[0] as Session)
    }
    const order = scene.random.chance(0.5) ? sessions : [confirmed, ...sessions]
    outcomes.push(await stage.play(...order.map((session) => data(scene, session))))
    return outcomes.join(' | ')
  },
  'sessions of before': async (stage) => {
    const { scene } = stage
    const sessions: Session[] = []
    for (let i = 0; i < 3; i++) sessions.push(await stage.begin())
    return stage.play(...sessions.map((session) => data(scene, session)))
  },
  'previous session while the next is not confirmed': async (stage) => {
    const { scene } = stage
    const sessions = [await stage.begin(), await stage.begin()]
    await stage.gap()
    const first = await stage.play(initiate(scene, scene.newId()))
    return `${first} | ${await stage.play(...sessions.map((session) => data(scene, session)))}`
  },
  'handshakes that cross': async (stage) => {
    const { scene } = stage
    const message = await stage.provoke()
    const own = await stage.play(initiate(scene, scene.newId()))
    const [session] = scene.peer.sessions
    const late = await stage.play(respond(scene, message))
    return `${own} | ${late} | ${session === undefined ? 'no session' : await stage.play(data(scene, session))}`
  },
  'cookie reply to a response': async (stage) => {
    const { scene } = stage
    await stage.begin()
    const { peer, random, newId } = scene
    const response = peer.lastResponse as Uint8Array
    const other = Buffer.from(response)
    other.fill(0, other.length - 32)
    const variants = [
      () => cookieReply(scene, peer.keys.publicKey, response),
      () => cookieReply(scene, newKeyPair(random).publicKey, response),
      () => cookieReply(scene, peer.keys.publicKey, other),
      () => bytesOf(random, 64).fill(3, 0, 1).fill(0, 1, 4),
    ]
    const replies = [0, 1, 2].map(() => ({ id: newId(), bytes: pick(random, variants.slice(1))() }))
    if (random.chance(0.7)) replies.splice(below(random, 4), 0, { id: newId(), bytes: variants[0]?.() as Uint8Array })
    const outcome = await stage.play(...replies)
    const where = await stage.probe()
    await stage.gap()
    return `${outcome} | ${where} | ${await stage.play(initiate(scene, newId()))}`
  },
  'two cookie replies to one response': async (stage) => {
    const { scene } = stage
    await stage.begin()
    const { peer, newId } = scene
    const replies = [0, 1].map(() => {
      const bytes = cookieReply(scene, peer.keys.publicKey, peer.lastResponse as Uint8Array)
      return { id: newId(), bytes }
    })
    await stage.play(...replies)
    await stage.gap()
    return stage.play(initiate(scene, newId()))
  },
}

/** The machine was too slow for the step to tell anything. */
export const UNKNOWN = 'unknown'

const ANYWHERE = parseSocketAddress('192.0.2.1:1')

/** A cookie reply as `from` would make it. Whether a mac2 was made with its cookie can be asked later. */
function cookieReply({ peer, random }: Scene, from: Uint8Array, message: Uint8Array): Uint8Array {
  const checker = new CookieChecker(from, { random, crypto: nodeCrypto })
  peer.cookies.push((response) => checker.verifyMac2(response, ANYWHERE, 0))
  return checker.reply(message, ANYWHERE, 0)
}
