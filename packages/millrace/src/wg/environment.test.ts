import { expect, test } from 'vitest'
import { readEnvironment } from './environment.ts'

test('nothing set', () => {
  const nothing = {
    logLevel: undefined,
    tunFd: undefined,
    uapiFd: undefined,
    foreground: false,
    disabled: [],
    threads: 1,
  }
  expect(readEnvironment({})).toEqual(nothing)
  expect(readEnvironment({ LOG_LEVEL: '', WG_TUN_FD: '', WG_PROCESS_FOREGROUND: '0', MILLRACE_THREADS: '' })).toEqual(
    nothing,
  )
})

test('everything set', () => {
  const variables = {
    LOG_LEVEL: 'debug',
    WG_TUN_FD: '3',
    WG_UAPI_FD: '4',
    WG_PROCESS_FOREGROUND: '1',
    MILLRACE_THREADS: '2',
  }
  expect(readEnvironment(variables)).toMatchObject({
    logLevel: 'debug',
    tunFd: 3,
    uapiFd: 4,
    foreground: true,
    threads: 2,
  })
})

test.each([
  ['verbose', 'debug'],
  ['error', 'error'],
  ['silent', 'silent'],
  ['loud', 'error'],
])('LOG_LEVEL=%s is %s', (word, level) => {
  expect(readEnvironment({ LOG_LEVEL: word }).logLevel).toBe(level)
})

test.each(['-1', '1.5', 'three', '99999999999'])('WG_TUN_FD=%s is refused', (text) => {
  expect(() => readEnvironment({ WG_TUN_FD: text })).toThrow(`WG_TUN_FD: expected a file descriptor, got "${text}"`)
})

test('MILLRACE_DISABLE names what is not used', () => {
  const { disabled } = readEnvironment({ MILLRACE_DISABLE: 'tun-tcp,udp-native' })
  expect(disabled).toEqual(['tun-tcp', 'udp-native'])
  expect(() => readEnvironment({ MILLRACE_DISABLE: 'everything' })).toThrow(
    'MILLRACE_DISABLE: expected names out of tun-tcp, tun-udp, udp-send, udp-receive, udp-native, tcp-native, openssl, got "everything"',
  )
})

test.each(['0', '65', '2.5', 'all'])('MILLRACE_THREADS=%s is refused', (text) => {
  expect(() => readEnvironment({ MILLRACE_THREADS: text })).toThrow(
    `MILLRACE_THREADS: expected a number from 1 to 64, got "${text}"`,
  )
})
