import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SocksHandshake, type SocksStep } from './socks-handshake.ts'
import { Users } from './users.ts'

const users = Users.parse('ann:secret', '--auth')
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function push(handshake: SocksHandshake, bytes: Buffer): readonly [string, SocksStep['outcome']] {
  const { answer, outcome } = handshake.push(bytes)
  return [answer.toString('hex'), outcome]
}

describe('RFC 1928: a client that needs no password', () => {
  test.each([
    ['05 01 00 01 0a070005 0050', 'connect', '10.7.0.5', 80],
    ['05 01 00 04 fd000000000000000000000000000005 01bb', 'connect', 'fd00::5', 443],
    ['05 01 00 03 0b 6578616d706c652e6f7267 0050', 'connect', 'example.org', 80],
    ['05 03 00 01 00000000 0000', 'associate', '0.0.0.0', 0],
  ])('%s', (request, command, host, port) => {
    const handshake = new SocksHandshake()
    expect(push(handshake, hex('05 01 00'))).toEqual(['0500', 'more'])
    const outcome = { command, to: { host, port }, rest: Buffer.alloc(0) }
    expect(push(handshake, hex(request))).toEqual(['', outcome])
  })

  test.each([
    ['BIND is not supported', '05 02 00 01 0a070005 0050', '05070001000000000000'],
    ['a command that there is not', '05 09 00 01 0a070005 0050', '05070001000000000000'],
    ['an address type that there is not', '05 01 00 02', '05080001000000000000'],
    ['another version', '04 01 00 50', ''],
  ])('%s', (_what, request, answer) => {
    const handshake = new SocksHandshake()
    handshake.push(hex('05 02 00 02'))
    expect(push(handshake, hex(request))).toEqual([answer, 'failed'])
  })

  test('no method that is accepted', () => {
    expect(push(new SocksHandshake(), hex('05 01 02'))).toEqual(['05ff', 'failed'])
    expect(push(new SocksHandshake(), hex('05 00'))).toEqual(['05ff', 'failed'])
  })

  test('another protocol gets no answer', () => {
    expect(push(new SocksHandshake(), Buffer.from('GET / HTTP/1.1\r\n'))).toEqual(['', 'failed'])
    expect(push(new SocksHandshake(), hex('04 01 0050 0a070005 00'))).toEqual(['', 'failed'])
  })
})

describe('RFC 1929: a client that has to have a password', () => {
  const right = `01 03 ${Buffer.from('ann').toString('hex')} 06 ${Buffer.from('secret').toString('hex')}`

  test('the right one', () => {
    const handshake = new SocksHandshake(users)
    expect(push(handshake, hex('05 02 00 02'))).toEqual(['0502', 'more'])
    expect(push(handshake, hex(right))).toEqual(['0100', 'more'])
    expect(push(handshake, hex('05 01 00 01 0a070005 0050'))[1]).toMatchObject({ command: 'connect' })
  })

  test.each([
    ['a wrong one', right.replace('73', '74'), '0101'],
    ['an empty one', '01 00 00', '0101'],
    ['another version of it', right.replace('01', '05'), ''],
  ])('%s', (_what, bytes, answer) => {
    const handshake = new SocksHandshake(users)
    handshake.push(hex('05 01 02'))
    expect(push(handshake, hex(bytes))).toEqual([answer, 'failed'])
  })

  test('a client that offers none', () => {
    expect(push(new SocksHandshake(users), hex('05 01 00'))).toEqual(['05ff', 'failed'])
  })
})

/** Everything that comes of bytes in pieces; what stands behind a request counts as its rest. */
function play(bytes: Buffer, sizes: readonly number[], withUsers: boolean): unknown {
  const handshake = new SocksHandshake(withUsers ? users : undefined)
  const answers: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + (sizes[i % sizes.length] as number))
    const { answer, outcome } = handshake.push(bytes.subarray(at, end))
    answers.push(answer)
    at = end
    if (outcome === 'more') continue
    const rest = outcome === 'failed' ? undefined : Buffer.concat([outcome.rest, bytes.subarray(at)])
    return [Buffer.concat(answers), outcome === 'failed' ? outcome : { ...outcome, rest }]
  }
  return [Buffer.concat(answers), 'more']
}

const likely = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .constantFrom('05 01 00', '05 02 00 02', '05 ff', '01 03 616e6e 06 736563726574', '01 ff', '05 01 00 03 ff')
    .map(hex),
  fc.constantFrom('05 01 00 01 0a070005 0050', '05 03 00 04 00', '05 01 00 03 00 0050', '05 02 00 01 01').map(hex),
)

test('bytes of any kind, in pieces of any size, come to the same, and nothing is thrown', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
  const stream = fc.array(likely, { maxLength: 5 }).map((parts) => Buffer.concat(parts))
  fc.assert(
    fc.property(stream, pieces, fc.boolean(), (bytes, sizes, withUsers) => {
      expect(play(bytes, sizes, withUsers)).toEqual(play(bytes, [Math.max(1, bytes.length)], withUsers))
    }),
    { numRuns: 500 },
  )
})
