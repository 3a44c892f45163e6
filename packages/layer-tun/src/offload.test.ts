import { Errno } from '@millrace/native'
import { expect, test } from 'vitest'
import type { TunHandle } from './handle.ts'
import { TunOffload } from './offload.ts'
import { FakeTun } from './test-support/fake-tun.ts'

// linux/if_tun.h: CSUM 1, TSO4 2, TSO6 4, USO4 0x20, USO6 0x40.
const TCP = 0x07
const UDP = 0x61

function offloadOf(
  tun: FakeTun,
  wanted: { tcp: boolean; udp: boolean },
  onRefused: (transport: string) => void = () => {},
) {
  const handle = { ...tun.handle, setOffload: (flags: number) => tun.setOffload(flags) } as TunHandle
  return new TunOffload(handle, wanted, onRefused)
}

test.each([
  [{ tcp: true, udp: true }, TCP | UDP],
  [{ tcp: true, udp: false }, TCP],
  [{ tcp: false, udp: true }, UDP],
  [{ tcp: false, udp: false }, 0],
])('%j: off until it is asked for, then %i, then off again', (wanted, flags) => {
  const tun = new FakeTun()
  const offload = offloadOf(tun, wanted)
  expect({ tcp: offload.tcp, udp: offload.udp }).toEqual(wanted)
  expect(offload.enabled).toBe(false)
  expect(tun.offloads.at(-1)).toBe(0)
  offload.enable()
  expect(offload.enabled).toBe(true)
  expect(tun.offloads.at(-1)).toBe(flags)
  offload.disable()
  expect(offload.enabled).toBe(false)
  expect(tun.offloads.at(-1)).toBe(0)
})

test('a kernel without UDP segmentation offload keeps that of TCP', () => {
  const tun = new FakeTun()
  tun.refuseOffload = (flags) => ((flags & 0x60) === 0 ? 0 : -Errno.EINVAL)
  const offload = offloadOf(tun, { tcp: true, udp: true })
  expect([offload.tcp, offload.udp]).toEqual([true, false])
  offload.enable()
  expect(tun.offloads.at(-1)).toBe(TCP)
})

test('without a header there is no offload', () => {
  const tun = new FakeTun(false)
  const offload = offloadOf(tun, { tcp: true, udp: true })
  offload.enable()
  offload.disable()
  expect([offload.tcp, offload.udp]).toEqual([false, false])
  expect(tun.offloads).toEqual([])
})

test('what the kernel refuses is off for good', () => {
  const refused: string[] = []
  const offload = offloadOf(new FakeTun(), { tcp: true, udp: true }, (transport) => refused.push(transport))
  offload.refused(false)
  expect([offload.tcp, offload.udp]).toEqual([true, false])
  offload.refused(true)
  expect([offload.tcp, offload.udp]).toEqual([false, false])
  expect(refused).toEqual(['UDP', 'TCP'])
})
