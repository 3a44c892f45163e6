import { setEnvironmentData } from 'node:worker_threads'
import { makeFallback } from '@millrace/core'
import { loadNative, OPENSSL } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { MESSAGE_INITIATION } from '../proto/messages.ts'
import { datagram } from '../test-support/super-ends.ts'
import { arrived, BUILT, counters, Tunnels } from '../test-support/thread-tunnels.ts'

/** After so long no session may be used any more (REJECT_AFTER_TIME), milliseconds. */
const SESSIONS_END = 181_000

/** The code of a worker that takes a job, and then does something else. */
function worker(instead: string): URL {
  const ring = new URL('job-ring.js', BUILT)
  const code = `import { getEnvironmentData, workerData } from 'node:worker_threads'
    import { JobRing, NONE } from '${ring}'
    const ring = new JobRing(workerData.ring)
    while (ring.claim() === NONE) {}
    ${instead}`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

let tunnels: Tunnels
const { system } = loadNative()

describe.skipIf(system === undefined || makeFallback(OPENSSL) === undefined)('a worker (needs Linux and koffi)', () => {
  afterEach(() => tunnels.stop())

  test('when a worker gets stuck the queue fills, and what is more is dropped by name', async () => {
    tunnels = await Tunnels.start({
      threads: 2,
      script: worker('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
    })
    await tunnels.until(() => {
      tunnels.sendDown(2)
      return (tunnels.drops()['worker-queue-full'] ?? 0) > 0
    })
    await tunnels.gateway.stop()
    expect(tunnels.drops()['worker-lost']).toBeGreaterThan(0)
    expect(tunnels.gateway.pool.inUse).toBe(0)
  })

  test('when a worker dies this thread goes on alone, and says so once', async () => {
    tunnels = await Tunnels.start({ script: worker('throw new Error("dead")') })
    await tunnels.until(() => {
      if (tunnels.logged.length === 0) tunnels.sendDown(1)
      return tunnels.logged.length > 0 && tunnels.gateway.pool.inUse === 0
    })
    expect(tunnels.logged).toEqual(['wireguard: a worker has died; going on with one thread'])
    const lost = tunnels.drops()['worker-lost'] ?? 0
    const sent = tunnels.wire.sent.length
    tunnels.sendDown(2)
    expect(tunnels.wire.sent.length - sent).toBe(8)
    expect(tunnels.drops()).toEqual(lost === 0 ? {} : { 'worker-lost': lost })
    for (const given of counters(tunnels.wire.sent).values()) {
      expect(given).toEqual([...new Set(given)].sort((a, b) => a - b))
    }
  })

  test('where the code of a worker is not to be found, the same', async () => {
    tunnels = await Tunnels.start({ script: new URL('none.js', BUILT) })
    await tunnels.until(() => tunnels.logged.length > 0)
    tunnels.sendDown(2)
    await tunnels.until(() => tunnels.wire.sent.length === 8)
    expect(tunnels.logged).toEqual(['wireguard: a worker has died; going on with one thread'])
  })

  test('what was staged leaves, sealed by this thread, when a worker dies that had what it waited for', async () => {
    const claimed = new Int32Array(new SharedArrayBuffer(4))
    setEnvironmentData('claimed', claimed.buffer)
    const dying = `const claimed = new Int32Array(getEnvironmentData('claimed'))
      Atomics.store(claimed, 0, 1)
      Atomics.notify(claimed, 0)
      throw new Error('dead')`
    tunnels = await Tunnels.start({ threads: 2, script: worker(dying) })
    setEnvironmentData('claimed', undefined)
    tunnels.clock.advance(SESSIONS_END)
    // The gateway waits for the peers to begin: its own handshakes get lost.
    tunnels.wire.pass = (piece) => (piece.bytes[0] === MESSAGE_INITIATION ? [] : [piece])
    tunnels.host.send({ bytes: datagram('staged', '10.0.0.100', '10.0.0.1') })
    tunnels.sendUp(3)
    // The peer's first messages confirm the new session; all that is handed over before a turn of the event loop.
    tunnels.clock.advance(0.001)
    expect(Atomics.wait(claimed, 0, 0, 20_000)).not.toBe('timed-out')
    expect(tunnels.hosts[0]?.received).toEqual([])
    await tunnels.until(() => tunnels.logged.length > 0 && tunnels.gateway.pool.inUse === 0)
    tunnels.clock.advance(0.001)
    expect(arrived(tunnels.hosts[0]?.received ?? [], '10.0.0.100', '10.0.0.1').texts).toEqual(['staged'])
    expect(Object.keys(tunnels.drops())).toEqual(['worker-lost'])
  })
})
