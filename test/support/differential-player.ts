import { SeededRandom } from '@millrace/core/testing'
import { EPISODES } from './differential-episodes.ts'
import { INITIATIONS } from './differential-handshake.ts'
import { pick } from './differential-inner.ts'
import { INSIDE } from './differential-packets.ts'
import type { PlayedPeer } from './differential-peer.ts'
import type { Aimed, Rig } from './differential-rig.ts'
import type { Step } from './differential-script.ts'
import { ON_THE_WIRE } from './differential-transport.ts'
import { ofSameFamily, sameFamily } from './differential-wire.ts'

const CRAFTS = { ...ON_THE_WIRE, ...INSIDE, ...INITIATIONS }
const LARGEST_BATCH = { transport: 16, handshake: 8, episode: 1 }

/** What comes out of the tunnel, if anything does, does not say which step it is of. */
const ALONE = new Set(['IPv6 payload length that overflows 16 bits', 'part of a header', 'noise inside'])

/** Plays the script to the end. Returns what became of each step. */
export async function play(rig: Rig, script: readonly Step[]): Promise<readonly string[]> {
  const outcomes: string[] = []
  for (let at = 0; at < script.length; ) {
    const batch = batchAt(script, at)
    at += batch.length
    const [first] = batch as readonly [Step]
    try {
      if (first.stepClass === 'episode') outcomes.push(await playEpisode(rig, first))
      else outcomes.push(...(await playBatch(rig, batch)))
    } catch (error) {
      throw new Error(`at step ${outcomes.length} (${batch.map(({ kind }) => kind).join('; ')}): ${error}`)
    }
  }
  return outcomes
}

/**
 * Steps that may be under way together: of one class and family, none that is probed; not two handshakes of one peer,
 * nor a peer at two places, for it may have moved again before it is answered.
 */
function batchAt(script: readonly Step[], at: number): readonly Step[] {
  const [first, ...rest] = script.slice(at, at + 32) as [Step, ...Step[]]
  const batch = [first]
  if (first.probe || ALONE.has(first.kind)) return batch
  for (const step of rest) {
    const fits =
      step.stepClass === first.stepClass &&
      sameFamily(step.socket, first.socket) &&
      !step.probe &&
      !ALONE.has(step.kind) &&
      batch.length < LARGEST_BATCH[first.stepClass] &&
      !batch.some(
        ({ peer, socket }) => peer === step.peer && (step.stepClass === 'handshake' || socket !== step.socket),
      )
    if (!fits) break
    batch.push(step)
  }
  return batch
}

async function playBatch(rig: Rig, batch: readonly Step[]): Promise<readonly string[]> {
  const aimed: Aimed[][] = []
  for (const step of batch) {
    const peer = rig.attacked[step.peer] as PlayedPeer
    await prepare(rig, step, peer)
  }
  for (const step of batch) {
    const peer = rig.attacked[step.peer] as PlayedPeer
    const shots = CRAFTS[step.kind]?.(rig.scene(peer, new SeededRandom(step.seed))) ?? []
    aimed.push(shots.map((shot) => ({ shot, socket: step.socket, peer })))
  }
  const played = [...(await rig.play(aimed.flat()))]
  const outcomes = aimed.map((shots) => played.splice(0, shots.length).join(' | '))
  const [only] = batch as readonly [Step]
  if (!only.probe) return outcomes
  return [`${outcomes[0]}; ${await rig.probe(rig.attacked[only.peer] as PlayedPeer)}`]
}

async function prepare(rig: Rig, step: Step, peer: PlayedPeer): Promise<void> {
  if (step.stepClass === 'handshake') await rig.time.gap(peer)
  if (step.stepClass === 'transport' && peer.usableSession === undefined) await rig.time.begin(peer, 0)
  if (!step.probe) return
  // Where the peer is before, so that a step that does not move it says so.
  if (peer.usableSession === undefined) await rig.time.begin(peer, 0)
  else await rig.time.confirm(peer, 0)
  if (step.stepClass === 'handshake') await rig.time.gap(peer)
}

async function playEpisode(rig: Rig, { kind, peer: number, socket, seed }: Step): Promise<string> {
  const peer = rig.attacked[number] as PlayedPeer
  const random = new SeededRandom(seed)
  await rig.renew(peer)
  const outcome = await EPISODES[kind]?.({
    scene: rig.scene(peer, random),
    play: async (...shots) => {
      const aimed = shots.map((shot) => ({ shot, socket: pick(random, ofSameFamily(socket)), peer }))
      return (await rig.play(aimed)).join(' | ')
    },
    handshakesDone: () => rig.time.handshakesDone,
    renew: () => rig.renew(peer),
    gap: () => rig.time.gap(peer),
    begin: () => rig.time.begin(peer, socket),
    provoke: async () => {
      await rig.renew(peer, ofSameFamily(socket)[0])
      return rig.provoke(peer)
    },
    probe: () => rig.probe(peer),
  })
  await rig.renew(peer)
  return outcome ?? 'no such episode'
}
