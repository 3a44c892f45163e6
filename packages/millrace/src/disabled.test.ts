import { runtimeWith } from '@millrace/core'
import { CRYPTO } from '@millrace/layer-wireguard'
import { expect, test } from 'vitest'
import { Disabled } from './disabled.ts'
import { describeFeatures } from './features.ts'

test('nothing is disabled by default', () => {
  const nothing = Disabled.parse('', 'MILLRACE_DISABLE')
  expect(nothing.udp).toEqual({ offload: { send: true, receive: true } })
  expect(nothing.tun).toEqual({ offload: { tcp: true, udp: true } })
  expect(nothing.tcp).toEqual({})
  expect(nothing.bindings).toEqual([])
})

test('each can be disabled by name', () => {
  expect(Disabled.parse('tun-tcp', '-').tun).toEqual({ offload: { tcp: false, udp: true } })
  expect(Disabled.parse('tun-udp', '-').tun).toEqual({ offload: { tcp: true, udp: false } })
  expect(Disabled.parse('udp-send', '-').udp).toEqual({ offload: { send: false, receive: true } })
  expect(Disabled.parse('udp-receive,udp-native', '-').udp).toEqual({
    native: false,
    offload: { send: true, receive: false },
  })
  expect(Disabled.parse('tcp-native', '-').tcp).toEqual({ native: false })
  expect(runtimeWith(...Disabled.parse('openssl', '-').bindings).get(CRYPTO).name).toBe('node')
})

test.each(['tun', 'tun-tcp;tun-udp', 'toString'])('%s is none', (name) => {
  expect(() => Disabled.parse(name, '--disable')).toThrow(
    `--disable: expected names out of tun-tcp, tun-udp, udp-send, udp-receive, udp-native, tcp-native, openssl, got "${name}"`,
  )
})

test('the help has a line for each', () => {
  expect(describeFeatures().split('\n')).toHaveLength(7)
})
