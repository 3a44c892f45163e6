import { execFileSync } from 'node:child_process'
import { existsSync, readlinkSync } from 'node:fs'
import { SocketAddress } from '@millrace/core'
import { canEnterNetworkNamespace, enterNetworkNamespace } from '@millrace/native/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Arrival, UdpEnd, until } from '../test-support/udp-end.ts'

const FAR = `millrace-udp-${process.pid}`
const cleanUp: (() => Promise<void> | void)[] = []

const run = (line: string): void => {
  const [program, ...words] = line.split(' ')
  execFileSync(program as string, words)
}
const near = (line: string): void => run(`ip ${line}`)
const far = (line: string): void => run(`ip -n ${FAR} ${line}`)
const one = async (end: UdpEnd): Promise<Arrival> => (await end.take(1))[0] as Arrival

describe.skipIf(!canEnterNetworkNamespace())('a host that changes (needs root, koffi, ip)', () => {
  let client: UdpEnd
  let server: UdpEnd
  let leaveNear: () => void

  /** A client in one network namespace, and this thread with a server in another; a0–a1 and b0–b1 join them. */
  beforeEach(async () => {
    const outer = enterNetworkNamespace()
    cleanUp.push(() => outer.leave())
    // A thread has an entry of its own in /proc, under its number.
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1) as string
    run(`ip netns attach ${FAR} ${thread}`)
    cleanUp.push(() => run(`ip netns del ${FAR}`))
    client = await UdpEnd.open({ native: true })
    cleanUp.push(() => client.stop())
    const inner = enterNetworkNamespace()
    let left = false
    leaveNear = () => {
      if (!left) inner.leave()
      left = true
    }
    cleanUp.push(leaveNear)
    server = await UdpEnd.open({ native: true })
    cleanUp.push(() => server.stop())
    for (const wire of ['a', 'b']) {
      near(`link add ${wire}0 type veth peer name ${wire}1 netns ${FAR}`)
      for (const [on, name] of [
        [near, `${wire}0`],
        [far, `${wire}1`],
      ] as const) {
        on(`link set ${name} up`)
      }
    }
    near('addr add 10.0.0.1/24 dev a0')
    near('addr add fd00:aa::1/96 dev a0 nodad')
    far('addr add 10.0.0.2/24 dev a1')
    far('addr add fd00:aa::2/96 dev a1 nodad')
  })
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step()
  })

  /** What the server was asked at `address`. */
  async function ask(address: string): Promise<Arrival> {
    client.send(new SocketAddress(address.includes(':') ? 6 : 4, address, server.wire.port), `at ${address}`)
    return one(server)
  }

  /** The same of an address just given: on a busy machine the kernel takes a moment until it is one of its own. */
  async function askAgain(address: string): Promise<Arrival> {
    for (let i = 0; i < 200 && server.arrivals.length === 0; i++) {
      client.send(new SocketAddress(address.includes(':') ? 6 : 4, address, server.wire.port), `again at ${address}`)
      for (let turn = 0; turn < 100 && server.arrivals.length === 0; turn++)
        await new Promise((next) => setTimeout(next, 1))
    }
    return one(server)
  }

  /** The address from which the answer to `question` comes. */
  async function answerTo(question: Arrival, local = question.local): Promise<string> {
    server.send(question.remote, 'answer', local)
    return (await one(client)).remote.address
  }

  test('answers come from the address that was asked, of several on one interface', async () => {
    near('addr add 10.0.0.7/24 dev a0')
    near('addr add fd00:aa::7/96 dev a0 nodad')
    for (const address of ['10.0.0.7', '10.0.0.1', 'fd00:aa::7', 'fd00:aa::1']) {
      const question = await ask(address)
      expect(question.local?.address).toBe(address)
      expect(await answerTo(question)).toBe(address)
      expect(await answerTo(question), 'and again').toBe(address)
      expect(question.local?.usable).toBe(true)
    }
  })

  test('answers come from the address that was asked, on another interface than where it came in', async () => {
    near('addr add 10.50.0.1/24 dev b0')
    far('route add 10.50.0.0/24 dev a1')
    expect(await answerTo(await ask('10.50.0.1'))).toBe('10.50.0.1')
  })

  test.each([
    [
      '10.0.0.1',
      'addr add 10.0.0.10/25 dev a0',
      'addr del 10.0.0.1/24 dev a0',
      'addr add 10.0.0.1/24 dev a0',
      '10.0.0.10',
    ],
    [
      'fd00:aa::1',
      'addr add fd00:aa::10/95 dev a0 nodad',
      'addr del fd00:aa::1/96 dev a0',
      'addr add fd00:aa::1/96 dev a0 nodad',
      'fd00:aa::10',
    ],
  ])('%s is taken away and comes back', async (address, addOther, take, giveBack, other) => {
    const question = await ask(address)
    expect(await answerTo(question)).toBe(address)
    near(addOther)
    near(take)
    expect(await answerTo(question)).toBe(other)
    expect(question.local?.usable).toBe(false)
    expect(await answerTo(question), 'and goes on').toBe(other)
    near(giveBack)
    const again = await askAgain(address)
    expect(again.local).not.toBe(question.local)
    expect(await answerTo(again)).toBe(address)
    expect(server.running.drops()).toEqual([])
  })

  test('when the way back changes to another interface, so does the source (IPv4)', async () => {
    near('addr add 10.0.0.3/32 dev b0')
    const question = await ask('10.0.0.1')
    expect(await answerTo(question)).toBe('10.0.0.1')
    near('route add 10.0.0.0/24 dev b0 src 10.0.0.3 metric 1')
    near('route del 10.0.0.0/24 dev a0')
    near('route add 10.0.0.0/24 dev a0 src 10.0.0.1 metric 2')
    let source = ''
    // The news of it comes in a moment of its own.
    for (let i = 0; i < 200 && source !== '10.0.0.3'; i++) source = await answerTo(question)
    expect(source).toBe('10.0.0.3')
    expect(question.local?.usable).toBe(false)
    // It comes in where it did, but the way back is still another one: no source, and no look-up for each packet.
    const still = await ask('10.0.0.1')
    expect(await answerTo(still)).toBe('10.0.0.3')
    expect((await ask('10.0.0.1')).local).toBeUndefined()
    near('route del 10.0.0.0/24 dev b0')
    let back: Arrival | undefined
    for (let i = 0; i < 200 && back?.local === undefined; i++) back = await ask('10.0.0.1')
    expect(await answerTo(back as Arrival)).toBe('10.0.0.1')
  })

  test('a destination out of reach is a named drop, and no fault of the source', async () => {
    const question = await ask('10.0.0.1')
    server.send(new SocketAddress(4, '192.0.2.1', 9), 'x', question.local)
    expect(server.dropped('unreachable')).toBe(1)
    expect(question.local?.usable).toBe(true)
    expect(await answerTo(question)).toBe('10.0.0.1')
  })

  test('the mark goes with every packet, can change, and counts when a source is looked at', async () => {
    near('rule add fwmark 51820 unreachable')
    near('-6 rule add fwmark 51820 unreachable')
    const questions = [await ask('10.0.0.1'), await ask('fd00:aa::1')]
    server.control.setMark(51_820)
    expect(server.control.mark).toBe(51_820)
    for (const { remote, local } of questions) {
      server.send(remote, 'x')
      server.send(remote, 'x', local)
    }
    expect(server.dropped('unreachable')).toBe(4)
    await server.control.setPort(0)
    server.send(questions[0]?.remote as SocketAddress, 'the new port is marked as well')
    expect(server.dropped('unreachable')).toBe(5)
    server.control.setMark(0)
    for (const question of questions) expect(await answerTo(question)).toBe(question.local?.address)
    const marked = await UdpEnd.open({ native: true, mark: 51_820 })
    marked.send(questions[0]?.remote as SocketAddress, 'x')
    expect([marked.wire.mark, marked.dropped('unreachable')]).toEqual([51_820, 1])
    await marked.stop()
  })

  test.skipIf(!existsSync('/usr/sbin/nft'))('what a packet filter refuses is a named drop (needs nft)', async () => {
    const { remote } = await ask('10.0.0.1')
    run('nft add table inet t')
    run('nft add chain inet t out { type filter hook output priority 0 ; }')
    run('nft add rule inet t out meta l4proto udp drop')
    server.send(remote, 'x')
    expect(server.dropped('send-refused')).toBe(1)
    run('nft delete table inet t')
    server.send(remote, 'y')
    expect((await one(client)).text).toBe('y')
  })

  test('the sockets stay where they were opened when the thread goes elsewhere', async () => {
    const question = await ask('10.0.0.1')
    leaveNear()
    expect(await answerTo(question)).toBe('10.0.0.1')
    expect((await ask('fd00:aa::1')).text).toBe('at fd00:aa::1')
  })

  test('a link-local address has its interface in it, and is answered', async () => {
    near('addr add fe80::aaaa/64 dev a0 nodad')
    far('addr add fe80::bbbb/64 dev a1 nodad')
    near('addr add fe80::aaaa/64 dev b0 nodad')
    far('addr add fe80::bbbb/64 dev b1 nodad')
    for (const [there, here] of [
      ['a1', 'a0'],
      ['b1', 'b0'],
    ]) {
      const question = await ask(`fe80::aaaa%${there}`)
      expect(question.remote.address).toBe(`fe80::bbbb%${here}`)
      expect(question.local?.address).toBe('fe80::aaaa')
      expect(await answerTo(question)).toBe(`fe80::aaaa%${there}`)
    }
  })

  test('34,816 bytes and 65,507 go through a wire of 1,500, in fragments', async () => {
    for (const size of [34_816, 65_507]) {
      client.send(new SocketAddress(4, '10.0.0.1', server.wire.port), new Uint8Array(size).fill(7))
      const { bytes } = await one(server)
      expect([bytes.length, bytes.every((byte) => byte === 7)]).toEqual([size, true])
    }
    await until(() => server.running.pool.inUse === 0)
    expect(server.running.pool.inUse).toBe(0)
  })
})
