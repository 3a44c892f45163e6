import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ACK, advanceTcp, FIN, opensConnection, RST, SYN, TCP_NEW, type TcpPhase, tcpPhase } from './tcp-state.ts'

const bits: Readonly<Record<string, number>> = { SYN, ACK, FIN, RST }

/** Phases after the first SYN and after each further segment, given as `> SYN ACK` (up) or `< SYN ACK` (down). */
function phases(segments: readonly string[]): TcpPhase[] {
  let state = TCP_NEW
  return segments.map((segment) => {
    const [way, ...flags] = segment.split(' ')
    state = advanceTcp(
      state,
      flags.reduce((sum, flag) => sum | bits[flag]!, 0),
      way === '>',
    )
    return tcpPhase(state)
  })
}

const o = 'opening'
const e = 'established'
const c = 'closing'
const r = 'reset'
const handshake = ['< SYN ACK', '> ACK']

describe('TCP as a NAT sees it', () => {
  test.each<[string, string[], TcpPhase[]]>([
    ['handshake', handshake, [o, e]],
    ['SYN sent again', ['> SYN', '> SYN', '< SYN ACK', '< SYN ACK', '> ACK'], [o, o, o, o, e]],
    ['simultaneous open', ['< SYN', '> SYN ACK', '< SYN ACK'], [o, e, e]],
    ['the outside alone establishes nothing', ['< SYN ACK', '< ACK', '< ACK'], [o, o, o]],
    ['refused', ['< RST ACK'], [r]],
    ['closed by the inside', [...handshake, '> FIN ACK', '< ACK', '< FIN ACK', '> ACK'], [o, e, e, e, c, c]],
    ['closed by the outside', [...handshake, '< FIN ACK', '> ACK', '> FIN ACK', '< ACK'], [o, e, e, e, c, c]],
    ['closed by both at once', [...handshake, '> FIN ACK', '< FIN ACK', '> ACK', '< ACK'], [o, e, e, c, c, c]],
    ['half closed for long', [...handshake, '> FIN ACK', '< ACK', '> ACK', '< ACK'], [o, e, e, e, e, e]],
    ['reset by the inside', [...handshake, '> RST', '< ACK'], [o, e, r, r]],
    ['a forged reset is lived down by the inside', [...handshake, '< RST', '< ACK', '> ACK'], [o, e, r, r, e]],
    [
      'opened again from the inside',
      [...handshake, '> FIN ACK', '< FIN ACK', '> SYN', ...handshake],
      [o, e, e, c, o, o, e],
    ],
    ['opened again after a reset', [...handshake, '< RST', '> SYN', ...handshake], [o, e, r, o, o, e]],
    [
      'a SYN from the outside alone opens nothing again',
      [...handshake, '> FIN', '< FIN', '< SYN', '< ACK'],
      [o, e, e, c, c, c],
    ],
    [
      'opened again from the outside',
      [...handshake, '> FIN', '< FIN', '< SYN', '> SYN ACK', '< ACK'],
      [o, e, e, c, c, o, e],
    ],
    ['a SYN in the midst changes nothing', [...handshake, '> SYN', '< ACK', '< SYN'], [o, e, e, e, e]],
  ])('%s', (_name, segments, expected) => {
    expect(phases(segments)).toEqual(expected)
  })

  test('only a lone SYN opens a connection', () => {
    for (let flags = 0; flags < 256; flags++) {
      const rest = flags & (SYN | ACK | FIN | RST)
      expect(opensConnection(flags)).toBe(rest === SYN)
    }
  })

  test('whatever the outside sends, it lengthens no connection that it has not been given', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255)), (flags) => {
        let state = TCP_NEW
        for (const each of flags) {
          state = advanceTcp(state, each, false)
          expect(tcpPhase(state)).not.toBe('established')
        }
      }),
    )
  })
})
