import { SocketAddress } from '@millrace/core'
import { expect, test } from 'vitest'
import { logEvent } from './events.ts'

test('an event becomes one line with readable fields', () => {
  const logged: unknown[] = []
  const logger = {
    debug() {},
    warn() {},
    error() {},
    info: (fields: object, message: string) => void logged.push([message, fields]),
  }
  const to = new SocketAddress(4, '192.0.2.1', 51_820)
  logEvent(logger, { line: 'wireguard', event: { type: 'session-up', peer: { name: 'laptop' }, endpoint: to } })
  logEvent(logger, { line: 'nat', event: { type: 'exhausted', resource: 'ports', count: 3 } })
  expect(logged).toEqual([
    ['session up', { layer: 'wireguard', peer: 'laptop', endpoint: '192.0.2.1:51820' }],
    ['exhausted', { layer: 'nat', resource: 'ports', count: 3 }],
  ])
})
