import { describe, expect, test } from 'vitest'
import type { Endpoint, Layer } from '../contract/index.ts'
import { fork } from '../layers/fork.ts'
import type { IpPacket } from '../packet/packet.ts'
import { ConfigurationError } from '../runtime/errors.ts'
import { type Token, token } from '../runtime/runtime.ts'
import { layers } from './chain.ts'
import { stack } from './stack.ts'

const COLOUR: Token<string> = token('Colour')
const hint = 'needs(…) needs a provides() line further down, towards the wire'

const end = (name: string): Endpoint<IpPacket> => ({ name, connect: () => ({ serve() {} }) })
const provides = (colour: string): Layer<IpPacket> => ({
  name: 'provides',
  layer: (inner) => inner,
  start: (context) => context.provide(COLOUR, colour),
})
const needs = (seen: string[]): Layer<IpPacket> => ({
  name: 'needs',
  layer: (inner) => inner,
  start: (context) => void seen.push(context.require(COLOUR, hint)),
})

describe('what a line provides', () => {
  test('reaches the lines further up, in the same chain or another', async () => {
    const seen: string[] = []
    const lower = layers<IpPacket>().layer(provides('blue'))
    const upper = layers<IpPacket>().layer(needs(seen))
    await using _running = await stack(end('wire'))
      .layer(lower)
      .layer(upper)
      .layer(needs(seen))
      .end(end('host'))
      .start()
    expect(seen).toEqual(['blue', 'blue'])
  })

  test('reaches into a fork and a stack inside, where another may take its place', async () => {
    const [inFork, inEnd, after]: string[][] = [[], [], []]
    const branch = layers<IpPacket>().layer(needs(inFork!)).layer(provides('green')).layer(needs(inFork!))
    const gateway = stack(end('wire'))
      .layer(provides('blue'))
      .layer(fork(() => true, branch.end(end('office'))))
      .layer(needs(after!))
      .end(layers<IpPacket>().layer(needs(inEnd!)).end(end('host')))
    await using _running = await gateway.start()
    expect(inFork).toEqual(['blue', 'green'])
    expect(after).toEqual(['blue'])
    expect(inEnd).toEqual(['blue'])
  })

  test('does not leave a fork', async () => {
    const inside = layers<IpPacket>().layer(provides('blue')).end(end('office'))
    const gateway = stack(end('wire'))
      .layer(fork(() => true, inside))
      .layer(needs([]))
      .end(end('host'))
    await expect(gateway.start()).rejects.toThrow('nothing in this stack provides Colour')
  })

  test('is not there for lines further down, and the start fails in plain words', async () => {
    const gateway = stack(end('wire')).layer(needs([])).layer(provides('blue')).end(end('host'))
    const failure = await gateway.start().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ConfigurationError)
    expect((failure as Error).message).toBe(`nothing in this stack provides Colour: ${hint}`)
  })
})
