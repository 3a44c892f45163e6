import { parseSocketAddress } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import type { UdpOptions } from './options.ts'
import { UdpEnd } from './test-support/udp-end.ts'
import { udp } from './udp.ts'

describe('options', () => {
  test.each([
    [{ port: 70_000 }, 'udp port: expected a number from 0 to 65535, got 70000'],
    [{ port: 1.5 }, 'udp port: expected a number from 0 to 65535, got 1.5'],
    [{ mark: -1 }, 'udp mark: expected a number from 0 to 4294967295, got -1'],
    [{ mark: 2 ** 32 }, 'udp mark: expected a number from 0 to 4294967295, got 4294967296'],
    [{ address: 'localhost' }, 'udp address: expected an IPv4 or IPv6 address, got "localhost"'],
    [{ offload: { send: 1 } }, 'udp offload send: expected true or false, got 1'],
    [{ offload: { gro: true } }, 'udp offload: expected send and receive, got gro'],
    [{ offload: true }, 'udp offload: expected { send, receive }, got true'],
  ])('%j is refused in one line', (options, message) => {
    expect(() => udp(options as UdpOptions)).toThrow(expect.objectContaining({ name: 'ConfigurationError', message }))
  })

  test('node:dgram has no mark, and says so', async () => {
    await expect(UdpEnd.open({ native: false, mark: 7 })).rejects.toThrow('udp mark: needs the native sockets')
    const end = await UdpEnd.open({ native: false })
    expect(() => end.control.setMark(7)).toThrow(expect.objectContaining({ name: 'EnvironmentError' }))
    end.control.setMark(0)
    expect(end.control.mark).toBe(0)
    await end.stop()
  })
})

test('a socket address reads and writes both families', () => {
  expect(parseSocketAddress('192.0.2.1:1').toString()).toBe('192.0.2.1:1')
  expect(parseSocketAddress('[2001:db8:0::1]:51820').toString()).toBe('[2001:db8::1]:51820')
  expect(() => parseSocketAddress('192.0.2.1')).toThrow('expected ADDRESS:PORT')
})
