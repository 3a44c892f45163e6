import { networkInterfaces } from 'node:os'
import { parsePrefix } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { hostAddresses, localRoutes4, localRoutes6 } from './host-addresses.ts'

describe('addresses of the host', () => {
  test('all that the interfaces have are among them, and each is one', () => {
    const found = hostAddresses()
    const interfaces = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    expect(interfaces).not.toEqual([])
    expect(found).toEqual(expect.arrayContaining(interfaces))
    for (const text of found) expect(() => parsePrefix(text.replace(/%.*/, ''))).not.toThrow()
  })

  test.skipIf(process.platform !== 'linux')('the routing tables tell of loopback too (needs Linux)', () => {
    expect(hostAddresses()).toContain('127.0.0.0/8')
  })

  test('IPv4: routes of type local and broadcast, and not those that divert everything', () => {
    const text = [
      'Main:',
      '  +-- 0.0.0.0/0 3 0 5',
      '     |-- 0.0.0.0',
      '        /0 universe UNICAST',
      '     +-- 192.0.2.0/24 2 0 2',
      '        |-- 192.0.2.0',
      '           /24 link UNICAST',
      '           /26 host LOCAL',
      '        |-- 192.0.2.99',
      '           /32 host LOCAL',
      '        |-- 192.0.2.255',
      '           /32 link BROADCAST',
      'Id 100:',
      '     |-- 0.0.0.0',
      '        /0 host LOCAL',
      '',
    ].join('\n')
    expect(localRoutes4(text)).toEqual(['192.0.2.0/26', '192.0.2.99/32', '192.0.2.255/32'])
  })

  test('IPv6: routes with the flag local or anycast, and not those that divert everything', () => {
    const zero = '0'.repeat(32)
    const line = (destination: string, length: string, flags: string): string =>
      `${destination} ${length} ${zero} 00 ${zero} 00000000 00000002 00000000 ${flags}     eth0`
    const text = [
      line('20010db8000000000000000000000001', '80', '80200001'),
      line('20010db8000000000000000000000000', '80', '00300001'),
      line('20010db8000000000000000000000000', '40', '00000001'),
      line('20010db8000100000000000000000000', '40', '80200001'),
      line(zero, '00', '80200001'),
      '',
    ].join('\n')
    expect(localRoutes6(text)).toEqual([
      '2001:0db8:0000:0000:0000:0000:0000:0001/128',
      '2001:0db8:0000:0000:0000:0000:0000:0000/128',
      '2001:0db8:0001:0000:0000:0000:0000:0000/64',
    ])
  })

  test('what is no such file is nothing', () => {
    expect(localRoutes4('')).toEqual([])
    expect(localRoutes6('zzzz\n\n1 2 3')).toEqual([])
  })
})
