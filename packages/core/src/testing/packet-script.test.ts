import { describe, expect, test } from 'vitest'
import { tap } from '../layers/lift.ts'
import { reject } from '../layers/reject.ts'
import type { IpPacket } from '../packet/packet.ts'
import { LayerRig } from './layer-rig.ts'
import { describeBytes, packetFromText, runScript } from './packet-script.ts'

describe('packet scripts', () => {
  test.each([
    'UDP 10.0.0.2:5000 > 198.51.100.7:53',
    'TCP [fd00::2]:1234 > [2001:db8::7]:443 SYN ACK',
    'ICMP 10.0.0.2 > 198.51.100.7 echo request 7',
    'ICMPv6 fd00::2 > 2001:db8::7 echo reply 65535',
    'ICMP 192.0.2.9 > 10.0.0.2 3/1 about UDP 10.0.0.2:5000 > 198.51.100.7:53',
    '47 10.0.0.2 > 198.51.100.7',
    '50 fd00::2 > 2001:db8::7',
  ])('a packet reads as it was written: %s', (line) => {
    expect(describeBytes(packetFromText(line))).toBe(line)
  })

  test('a script passes or fails on what comes out', async () => {
    const pass = tap<IpPacket>(() => {})
    const rig = await LayerRig.start({ up: pass, down: pass })
    const known = runScript(
      rig,
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53   => up UDP 10.0.0.2:$a > 198.51.100.7:53
       wait 2 s
       down UDP 198.51.100.7:53 > 10.0.0.2:$a     => down UDP 198.51.100.7:53 > 10.0.0.2:$a`,
    )
    expect(known).toEqual(new Map([['$a', '5000']]))
    expect(rig.clock.now()).toBe(2000)
    expect(() => runScript(rig, 'up UDP 10.0.0.2:1 > 10.0.0.3:2 => up UDP 10.0.0.2:1 > 10.0.0.3:3')).toThrow()
    expect(() => runScript(rig, 'up UDP 10.0.0.2:1 > 10.0.0.3:2 => drop filtered')).toThrow()
    expect(() => runScript(rig, 'up UDP 10.0.0.2:1 > 10.0.0.3:2')).toThrow('no line of a script')
  })

  test('drops and answers stand side by side', async () => {
    const rig = await LayerRig.start(reject(() => true))
    runScript(
      rig,
      `up UDP 10.0.0.2:5000 > 192.0.2.1:53 =>
         drop rejected + down ICMP 192.0.2.1 > 10.0.0.2 3/13 about UDP 10.0.0.2:5000 > 192.0.2.1:53`.replace('\n', ' '),
    )
  })
})
