import { describe, expect, test } from 'vitest'
import { a, b, c, set, withPeers } from '../test-support/uapi-peers.ts'
import { MAXIMUM_LINE } from './operation-parser.ts'
import { MemoryTarget } from './testing/memory-target.ts'
import { converse } from './testing/session-runner.ts'

const peer = `public_key=${a}`
const gone = [`public_key=${c}`, 'remove=true']
describe('refused with EINVAL', () => {
  test.each<[string, readonly string[]]>([
    ['an unknown key', ['color=red']],
    ['a name of every object', ['constructor=true']],
    ['a key of a peer before any', ['allowed_ip=10.0.0.0/8']],
    ['a key of the device behind a peer', [peer, 'listen_port=1']],
    ['an unknown key of a peer', [peer, 'color=red']],
    ['a private key too short', [`private_key=${a.slice(2)}`]],
    ['a private key too long', [`private_key=${a}a1`]],
    ['a private key that is not hex', [`private_key=${a.slice(1)}g`]],
    ['an empty public key', ['public_key=']],
    ['a pre-shared key in base64', [peer, 'preshared_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']],
    ['a negative port', ['listen_port=-1']],
    ['no port', ['listen_port=']],
    ['a port with a space', ['listen_port= 1']],
    ['a port in hex', ['listen_port=0x10']],
    ['a port with CR', ['listen_port=1\r']],
    ['a mark of 33 bits', ['fwmark=4294967296']],
    ['an infinite mark', ['fwmark=1e3']],
    ['replace_peers=false', ['replace_peers=false']],
    ['update_only=1', [peer, 'update_only=1']],
    ['remove=', [peer, 'remove=']],
    ['replace_allowed_ips=TRUE', [peer, 'replace_allowed_ips=TRUE']],
    ['protocol_version=2', [peer, 'protocol_version=2']],
    ['protocol_version=0', [peer, 'protocol_version=0']],
    ['an endpoint by name', [peer, 'endpoint=localhost:1']],
    ['an endpoint without port', [peer, 'endpoint=192.0.2.1']],
    ['an endpoint with two zones', [peer, 'endpoint=[fe80::1%a%b]:1']],
    ['an IPv4 endpoint with a zone', [peer, 'endpoint=[192.0.2.1%a]:x']],
    ['a keepalive of 65536', [peer, 'persistent_keepalive_interval=65536']],
    ['a keepalive of off', [peer, 'persistent_keepalive_interval=off']],
    ['a prefix without length', [peer, 'allowed_ip=10.0.0.1']],
    ['a prefix twice removed', [peer, 'allowed_ip=--10.0.0.1/32']],
    ['no prefix', [peer, 'allowed_ip=']],
    ['a wrong value for a peer that is gone', [...gone, 'allowed_ip=x']],
  ])('%s', async (_what, lines) => {
    const target = new MemoryTarget()
    expect(await converse(target, [set(...lines)])).toBe('errno=-22\n\n')
    expect(target).toMatchObject({ listenPort: 0, fwmark: 0, privateKey: undefined })
  })
})

describe('the number tells what was wrong', () => {
  const answer = async (script: string, prepare?: (target: MemoryTarget) => void): Promise<string> => {
    const target = new MemoryTarget()
    prepare?.(target)
    return await converse(target, [script])
  }

  test('a port in use', async () => {
    const taken = answer(set('listen_port=53', 'fwmark=1'), (target) => target.taken.add(53))
    expect(await taken).toBe('errno=-98\n\n')
  })

  test('what the target says, else EIO', async () => {
    expect(
      await answer(set(`public_key=${a}`), (target) => {
        target.maximumPeers = 0
      }),
    ).toBe('errno=-12\n\n')
    const failing = (target: MemoryTarget): void => {
      target.setFwmark = () => {
        throw new TypeError('no such thing')
      }
    }
    expect(await answer(set('fwmark=1'), failing)).toBe('errno=-5\n\n')
    const explained = (target: MemoryTarget): void => {
      target.setFwmark = () => {
        throw new Error('not allowed', { cause: Object.assign(new Error('EPERM'), { code: 'EPERM' }) })
      }
    }
    expect(await answer(set('fwmark=1'), explained)).toBe('errno=-1\n\n')
  })

  test('a get that fails half-way', async () => {
    const target = await withPeers()
    Object.defineProperty(target.byKey.get(b), 'allowedIps', {
      get: () => {
        throw new Error('broken')
      },
    })
    expect(await converse(target, ['get=1\n\nget=2\n'])).toBe('errno=5\n\nerrno=71\n\n')
  })

  test.each([
    ['no key=value', 'set=1\nfwmark\n\n', 'errno=-71\n\n'],
    ['a line too long', set(`fwmark=${'0'.repeat(MAXIMUM_LINE)}`), 'errno=-71\n\n'],
    ['no operation', 'hello\nget=1\n\n', 'errno=71\n\n'],
    ['another version', 'set=2\nfwmark=1\n\n', 'errno=-71\n\n'],
    ['a get of something', 'get=1\nfwmark=1\n\n', 'errno=22\n\n'],
    ['an empty line', '\nget=1\n\n', 'errno=71\n\n'],
    ['the end within an operation', 'set=1\nfwmark=1\n', 'errno=-71\n\n'],
    ['the end within a line', 'set=1\nfwmark=1', 'errno=-71\n\n'],
    ['the end after a wrong line', 'set=1\ncolor=1\n', 'errno=-22\n\n'],
    ['the end within a get', 'get=1\n', 'errno=71\n\n'],
    ['nothing', '', ''],
  ])('%s', async (_what, script, expected) => {
    expect(await answer(script)).toBe(expected)
  })

  test('a line cut off by the end is not taken for a whole one', async () => {
    const target = new MemoryTarget()
    await converse(target, ['set=1\nfwmark=5\nlisten_port=51'])
    expect(target).toMatchObject({ fwmark: 5, listenPort: 0 })
  })
})
