import { describe, expect, test } from 'vitest'
import { readAbsoluteForm, readAuthority } from './http-target.ts'

describe('absolute form', () => {
  test.each([
    ['http://a.example', 'a.example', 80, '/'],
    ['HTTP://A.example:8080/x/../y?z=%20', 'A.example', 8080, '/x/../y?z=%20'],
    ['http://a.example?q', 'a.example', 80, '/?q'],
    ['http://[fd00::5]:81/', 'fd00::5', 81, '/'],
    ['http://10.7.0.5:/', '10.7.0.5', 80, '/'],
  ])('%s', (target, host, port, path) => {
    const [, authority] = /^http:\/\/([^/?]*)/i.exec(target) as RegExpExecArray
    expect(readAbsoluteForm('GET', target)).toEqual({ to: { host, port }, authority, path })
  })

  test.each([
    ['http://a.example', '*'],
    ['http://a.example:8080', '*'],
    ['http://a.example/', '/'],
    ['http://a.example?q', '/?q'],
  ])('OPTIONS %s is for %s (RFC 9112 §3.2.4)', (target, path) => {
    expect(readAbsoluteForm('OPTIONS', target)).toMatchObject({ to: { host: 'a.example' }, path })
  })

  test.each([
    '/',
    '*',
    'a.example:443',
    'https://a.example/',
    'http:///x',
    'http://:80/',
    'http://user@a.example/',
    'http://user:word@a.example/',
    'http://a.example:0/',
    'http://a.example:65536/',
    'http://a.example:80:80/',
    'http://fd00::5/',
    'http://[fd00::5%25eth0]/',
    'http://[a.example]/',
    'http://a.example/#part',
    'http://a b/',
  ])('not %s', (target) => {
    expect(readAbsoluteForm('GET', target)).toBeUndefined()
  })
})

test('a port is needed where none stands in', () => {
  expect(readAuthority('a.example:443')).toEqual({ host: 'a.example', port: 443 })
  expect(readAuthority('[::1]:22')).toEqual({ host: '::1', port: 22 })
  for (const text of ['a.example', 'a.example:', '', ':443', 'http://a.example:443']) {
    expect([text, readAuthority(text)]).toEqual([text, undefined])
  }
})
