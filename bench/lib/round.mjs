// All measures of one implementation, once.
import { generatePrivateKey, publicKeyOf } from 'millrace'
import { Interface } from './interface.mjs'
import { handshakes, idleMemory, peakMemory, TUNNEL_GROUPS } from './measures.mjs'
import { Traffic } from './traffic.mjs'

/** Verified before anything is measured, each way; it warms up whoever compiles as it runs. */
const VERIFIED_BYTES = 64 << 20

/** Returns the rows of the table by key. A measure that fails is told of and has no row; the others go on. */
export async function measureOnce({ world, implementation, initiations, seconds, wanted, note }) {
  const rows = {}
  const take = async (name, work) => {
    if (!wanted(name)) return
    try {
      const taken = await work()
      note(`  ${JSON.stringify(taken)}`)
      Object.assign(rows, taken)
    } catch (error) {
      note(`  ${name} failed: ${error.message}`)
    }
  }
  const ends = [0, 1].map((end) => new Interface(world, end))
  try {
    const traffic = new Traffic(world, seconds)
    await connect(ends, implementation, traffic)
    const pids = ends.map(({ program }) => program.pid)
    Object.assign(rows, idleMemory(pids), { startup: (ends[0].startup + ends[1].startup) / 2 })
    await traffic.verify(VERIFIED_BYTES)
    for (const [name, group] of Object.entries(TUNNEL_GROUPS)) {
      await take(name, () => group({ traffic, pids, ends, implementation, seconds }))
    }
    Object.assign(rows, peakMemory(pids))
  } catch (error) {
    note(`  failed: ${error.message}`)
  } finally {
    for (const end of ends) await end.stop()
  }
  // The layers stand above the handshake, which knows nothing of them.
  if (!implementation.layered) {
    await take('handshakes', async () => handshakes({ world, implementation, initiations, seconds }))
  }
  return rows
}

async function connect(ends, implementation, traffic) {
  const keys = ends.map(() => generatePrivateKey())
  for (const [i, end] of ends.entries()) {
    await end.start(implementation)
    const layered = implementation.layered && i === 1
    await end.configure({ privateKey: keys[i], peerPublicKey: publicKeyOf(keys[1 - i]), layered })
  }
  await traffic.connected()
}
