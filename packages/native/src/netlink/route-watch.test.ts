import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Errno } from '../errno.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN } from '../linux.ts'
import { Readiness } from '../readiness.ts'
import type { SystemCalls } from '../system-calls.ts'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
} from '../testing/namespace.ts'
import { RouteWatch } from './route-watch.ts'

const ip = (line: string): string => execFileSync('ip', line.split(' '), { encoding: 'utf8' })
const number = (text: string): number => Buffer.from(text.split('.').map(Number)).readInt32LE()
const index = (name: string): number => JSON.parse(ip(`-j link show ${name}`))[0].ifindex

describe.skipIf(!canEnterNetworkNamespace())('a watch on routes (needs root, koffi)', () => {
  let system: SystemCalls
  let namespace: NetworkNamespace
  let watch: RouteWatch
  beforeAll(() => {
    system = nativeSystem()
    namespace = enterNetworkNamespace()
    ip('link add a0 type veth peer name a1')
    ip('link add b0 type veth peer name b1')
    ip('addr add 10.1.0.1/24 dev a0')
    ip('addr add 10.2.0.1/24 dev b0')
    for (const name of ['a0', 'a1', 'b0', 'b1']) ip(`link set ${name} up`)
    watch = RouteWatch.open(system) as RouteWatch
  })
  afterAll(() => {
    watch.close()
    namespace.leave()
  })

  test.each([
    ['an address', 'addr add 10.3.0.1/24 dev a0'],
    ['an IPv6 address', 'addr add fd01::1/64 dev a0 nodad'],
    ['a route', 'route add 10.4.0.0/24 dev b0'],
    ['a rule', 'rule add fwmark 7 table 7'],
    ['a link', 'link set b0 mtu 1400'],
  ])('%s that changes is noticed, once', async (_what, command) => {
    watch.changed()
    expect(watch.changed()).toBe(false)
    const never = system.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    const readiness = new Readiness(system, never, watch.fd)
    const ready = new Promise((resolve) => readiness.wait(resolve))
    ip(command)
    expect(await ready).toBe(POLLIN)
    readiness.close()
    system.close(never)
    expect(watch.changed()).toBe(true)
    expect(watch.changed()).toBe(false)
  })

  test('says by which interface a packet would leave, by source and mark too', () => {
    const to = (destination: string, source: string, mark = 0): number =>
      watch.interfaceTo(number(destination), number(source), mark)
    expect(to('10.1.0.9', '10.1.0.1')).toBe(index('a0'))
    expect(to('10.1.0.9', '10.2.0.1'), 'a source may stand on another interface').toBe(index('a0'))
    expect(to('10.2.0.9', '10.1.0.1')).toBe(index('b0'))
    expect(to('127.0.0.2', '127.0.0.3')).toBe(index('lo'))
    expect(to('10.1.0.9', '10.9.9.9'), 'not ours').toBeLessThan(0)
    expect(to('192.0.2.1', '10.1.0.1')).toBe(-Errno.ENETUNREACH)
    ip('route add 192.0.2.0/24 dev b0 table 7')
    expect(to('192.0.2.1', '10.1.0.1', 7)).toBe(index('b0'))
    ip('route add 10.1.0.0/25 dev b0')
    expect(to('10.1.0.9', '10.1.0.1')).toBe(index('b0'))
    expect(to('10.1.0.200', '10.1.0.1')).toBe(index('a0'))
  })
})
