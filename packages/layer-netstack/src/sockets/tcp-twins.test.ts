import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { bind, CLOCK, type Clock, parseAddress, runtimeWith, systemClock, type Timer } from '@millrace/core'
import { ipv4, tcpSegment } from '@millrace/core/testing'
import { canEnterNetworkNamespace, enterNetworkNamespace, type NetworkNamespace } from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RelayRig, until } from '../test-support/relay-rig.ts'
import { TCP_KINDS } from '../test-support/tcp-kinds.ts'
import type { SocketsEvent } from './flow-notes.ts'
import type { SocketsOptions } from './options.ts'

const EGRESS = ['203.0.113.1', '2001:db8:113::1']
const SERVER = '203.0.113.2'
const SERVER6 = '2001:db8:113::2'
/** Where nothing answers, and where no way leads. */
const NOBODY = '203.0.113.99'
const NOWHERE = '198.51.100.1'

function ip(...words: string[]): void {
  execFileSync('ip', words)
}

/** Sockets that this process has. */
function openSockets(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // the folder's own
    }
  })
  return links.filter((link) => link.startsWith('socket:')).length
}

/** The system's clock, which can be put forward. */
class SkippingClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  #skipped = 0

  now(): number {
    return systemClock.now() + this.#skipped
  }

  wall(): number {
    return systemClock.wall() + this.#skipped
  }

  setTimer(delay: number, callback: () => void): Timer {
    const fire = (): void => {
      if (this.#timers.delete(timer)) callback()
    }
    const timer = { at: this.now() + delay, callback: fire }
    this.#timers.add(timer)
    const real = systemClock.setTimer(delay, fire)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        real.cancel()
      },
    }
  }

  skip(milliseconds: number): void {
    this.#skipped += milliseconds
    for (const { at, callback } of [...this.#timers]) if (at <= this.now()) callback()
  }
}

describe.skipIf(!canEnterNetworkNamespace())('both kinds of TCP outlets (needs root)', () => {
  let namespace: NetworkNamespace
  beforeAll(() => {
    namespace = enterNetworkNamespace()
    // What goes out there vanishes.
    ip('link', 'add', 'nowhere', 'type', 'veth', 'peer', 'name', 'void')
    ip('link', 'set', 'nowhere', 'up')
    ip('link', 'set', 'void', 'up')
    ip('neighbour', 'add', NOBODY, 'lladdr', '02:00:00:00:00:99', 'dev', 'nowhere')
    for (const address of [...EGRESS, SERVER, SERVER6]) {
      const words = address.includes(':') ? [`${address}/64`, 'nodad'] : [`${address}/24`]
      ip('address', 'add', words[0] as string, 'dev', 'nowhere', ...words.slice(1))
    }
  })
  afterAll(() => namespace.leave())

  describe.each(TCP_KINDS)('by $kind', ({ native }) => {
    const start = (options: SocketsOptions = {}, clock: Clock = systemClock): Promise<RelayRig> => {
      const allow = ['203.0.113.0/32', SERVER, SERVER6]
      const all = { egressIp: EGRESS, allow, ...options, tcp: { ...options.tcp, native } }
      return RelayRig.start(all, {}, runtimeWith(bind(CLOCK, clock)))
    }
    const endings = (rig: RelayRig): unknown =>
      rig.end
        .metrics()
        .find(({ name }) => name === 'egress_flows_closed_total')
        ?.samples.filter(({ value }) => value > 0)
        .map(({ labels, value }) => [labels['reason'], value])

    test('a server that never answers is silence, and a dial that is given up', async () => {
      const before = openSockets()
      await using rig = await start({ dialTimeout: 200 })
      const client = rig.dial(9, NOBODY)
      await until(() => rig.end.statistics()?.dials === 1)
      await until(() => rig.end.statistics()?.flows === 0)
      expect([client.cause, client.established, endings(rig)]).toEqual([undefined, false, [['dial_timeout', 1]]])
      await rig.stop()
      expect(openSockets()).toBe(before)
    })

    test('a client that gives up while we dial ends the dial', async () => {
      await using rig = await start()
      const ports = { sourcePort: 999, destinationPort: 9 }
      const ends = { source: '10.9.0.2', destination: NOBODY }
      rig.client.send(ipv4(ends, tcpSegment({ ...ports, flags: 'SYN', sequence: 100 })))
      expect(rig.end.statistics()).toMatchObject({ dials: 1, flows: 1 })
      rig.client.send(ipv4(ends, tcpSegment({ ...ports, flags: 'RST', sequence: 101 })))
      expect(rig.end.statistics()).toMatchObject({ dials: 0, flows: 0 })
    })

    test('refused is refused, and what has no way is unreachable', async () => {
      await using rig = await start()
      const clients = [rig.dial(9, SERVER), rig.dial(9, NOWHERE)]
      await until(() => clients.every(({ cause }) => cause !== undefined))
      expect(clients.map(({ cause, established }) => [cause, established])).toEqual([
        ['refused', false],
        ['unreachable', false],
      ])
      expect(endings(rig)).toEqual([
        ['refused', 1],
        ['unreachable', 1],
      ])
    })

    test('an egress address that goes away fails its flows, and none goes out from another', async () => {
      ip('address', 'add', '203.0.113.50/32', 'dev', 'nowhere')
      await using rig = await start({ egressIp: '203.0.113.50' })
      const events: SocketsEvent[] = []
      rig.end.events.subscribe((event) => events.push(event))
      ip('address', 'del', '203.0.113.50/32', 'dev', 'nowhere')
      let accepted = 0
      const client = rig.dial(await rig.serve(() => accepted++, SERVER), SERVER)
      await until(() => client.cause !== undefined)
      expect([client.cause, accepted, endings(rig)]).toEqual(['unreachable', 0, [['policy', 1]]])
      expect(events).toEqual([
        { type: 'egress-address-failed', address: '203.0.113.50', code: 'EADDRNOTAVAIL', failures: 1 },
      ])
    })

    test('a port on which somebody listens is passed over', async () => {
      const other = createServer().listen(0, EGRESS[0])
      await once(other, 'listening')
      const { port: taken } = other.address() as AddressInfo
      const from: (number | undefined)[] = []
      const free = taken < 65_535 ? taken + 1 : taken - 1
      await using rig = await start({ ports: [Math.min(taken, free), Math.max(taken, free)] })
      const port = await rig.serve(({ remotePort }) => from.push(remotePort), SERVER)
      for (let i = 1; i <= 8; i++) {
        const client = rig.dial(port, SERVER)
        await until(() => client.established || client.cause !== undefined)
        await until(() => from.length === i)
        client.abort()
        await until(() => rig.end.statistics()?.flows === 0)
      }
      expect(new Set(from)).toEqual(new Set([free]))
      other.close()
    })

    test('one source port serves two destinations at once', async () => {
      const from: (number | undefined)[] = []
      await using rig = await start({ ports: [42_000, 42_000] })
      const ports = [0, 0].map(() => rig.serve(({ remotePort }) => from.push(remotePort), SERVER))
      for (const port of await Promise.all(ports)) rig.dial(port, SERVER)
      await until(() => from.length === 2)
      expect(from).toEqual([42_000, 42_000])
    })

    test('IPv6 goes out from the address of its family', async () => {
      await using rig = await start()
      const seen: (string | undefined)[] = []
      const port = await rig.serve((socket) => {
        seen.push(socket.remoteAddress)
        socket.pipe(socket)
      }, SERVER6)
      const client = rig.client.dial(parseAddress('fd00::2').bytes, 7000, parseAddress(SERVER6).bytes, port)
      client.onWritable = () => {
        client.onWritable = () => {}
        client.write(Buffer.from('hello'))
        client.shutdown()
      }
      await until(() => client.cause !== undefined)
      expect([client.cause, client.received, seen]).toEqual(['finished', 5, [EGRESS[1]]])
    })

    test('no descriptor is left, however a flow ends', async () => {
      const before = openSockets()
      await using rig = await start()
      const ways: ((socket: Socket) => unknown)[] = [
        (socket) => socket.end('all'),
        (socket) => socket.resetAndDestroy(),
        (socket) => socket.pipe(socket),
        (socket) => socket.pause(),
      ]
      let next = 0
      const port = await rig.serve((socket) => ways[next++ % ways.length]?.(socket), SERVER)
      const clients = Array.from({ length: 80 }, () => rig.dial(port, SERVER))
      const refused = Array.from({ length: 20 }, () => rig.dial(9, SERVER))
      await until(() => clients.every(({ established }) => established))
      for (const [i, client] of clients.entries()) {
        client.write(Buffer.from('something'))
        if (i % 3 === 0) client.abort()
        else if (i % 3 === 1) client.shutdown()
      }
      await until(() => refused.every(({ cause }) => cause !== undefined))
      await rig[Symbol.asyncDispose]()
      await until(() => openSockets() === before)
      expect(rig.running.pool.inUse).toBe(0)
    })

    test('a server that takes nothing after both ends have ended is waited for, but not for ever', async () => {
      const clock = new SkippingClock()
      await using rig = await start({ tcp: { receiveBuffer: 65_536 } }, clock)
      let server: Socket | undefined
      let written = 0
      const port = await rig.serve((socket) => {
        server = socket.pause()
        socket.end()
      }, SERVER)
      const client = rig.dial(port, SERVER)
      await until(() => client.ended)
      const held = (): boolean => (rig.end.statistics()?.tcp.memory ?? 0) > 0
      const piece = Buffer.alloc(16_384, 1)
      while (!held()) {
        written += client.write(piece)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      client.shutdown()
      await until(() => client.cause !== undefined)
      expect(client.cause).toBe('finished')
      clock.skip(299_000)
      expect(rig.end.statistics()?.flows).toBe(1)
      clock.skip(1001)
      await until(() => rig.end.statistics()?.flows === 0)
      expect(endings(rig)).toEqual([['idle', 1]])
      server?.resume()
      await until(() => server?.closed === true)
      expect(server?.bytesRead).toBeLessThan(written)
    })

    test('a server that is gone after its end resets the client', async () => {
      await using rig = await start()
      let server: Socket | undefined
      const port = await rig.serve((socket) => {
        server = socket
        socket.end('all')
      }, SERVER)
      const client = rig.dial(port, SERVER)
      await until(() => client.ended)
      server?.destroy()
      // The answer to the first is a RST, of which node:net tells who writes again.
      while (client.cause === undefined) {
        client.write(Buffer.from('too late'))
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      expect([client.cause, client.received]).toEqual(['reset', 3])
    })
  })
})
