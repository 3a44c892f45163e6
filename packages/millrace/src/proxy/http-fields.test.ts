import { expect, test } from 'vitest'
import { endToEnd } from './http-fields.ts'

test('fields of one connection end with it, those that Connection names too', () => {
  const fields = [
    ...['Host', 'a.example', 'Accept', '*/*', 'X-Twice', '1', 'X-TWICE', '2'],
    ...[
      'Connection',
      'keep-alive, X-Own',
      'connection',
      'x-other',
      'Keep-Alive',
      'timeout=5',
      'X-Own',
      'a',
      'X-Other',
      'b',
    ],
    ...['Proxy-Connection', 'keep-alive', 'Proxy-Authorization', 'Basic x', 'TE', 'trailers', 'Trailer', 'X-Sum'],
    ...['Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Expect', '100-continue'],
  ]
  const kept = ['Accept', '*/*', 'X-Twice', '1', 'X-TWICE', '2']
  expect(endToEnd(fields)).toEqual(['Host', 'a.example', ...kept, 'Expect', '100-continue'])
  expect(endToEnd(fields, ['host', 'expect'])).toEqual(kept)
})

test('where a message ends is not to be taken away', () => {
  expect(endToEnd(['Connection', 'Content-Length', 'Content-Length', '5'])).toEqual(['Content-Length', '5'])
})
