import { Subject } from 'rxjs'
import { describe, expect, test } from 'vitest'
import type { Context, Endpoint, Layer, Lifecycle } from '../contract/index.ts'
import { fork } from '../layers/fork.ts'
import { log } from '../layers/log.ts'
import type { IpPacket } from '../packet/packet.ts'
import { type Logger, silentLogger } from '../runtime/logger.ts'
import { bind, CLOCK, LOGGER, runtimeWith } from '../runtime/runtime.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { layers } from './chain.ts'
import { stack } from './stack.ts'
import type { StackEvent } from './stack-event.ts'

/** Makes parts that write down when they are started and stopped. */
function recorder() {
  const calls: string[] = []
  const control = (name: string, more: Lifecycle = {}): Lifecycle & { name: string } => ({
    name,
    ...more,
    async start(context) {
      calls.push(`start ${name}`)
      await more.start?.(context)
    },
    async stop() {
      calls.push(`stop ${name}`)
      await more.stop?.()
    },
  })
  const layer = (name: string, more?: Lifecycle): Layer<IpPacket> => ({
    layer: (inner) => inner,
    ...control(name, more),
  })
  const end = (name: string, more?: Lifecycle): Endpoint<IpPacket> => ({
    connect: () => ({ serve() {} }),
    ...control(name, more),
  })
  return { calls, layer, end }
}

const nothing = (): void => {}
const never = new Promise<void>(nothing)
const fail = (message: string) => (): never => {
  throw new Error(message)
}

describe('start and stop', () => {
  test('start goes wire, host, lines from the wire up; stop goes the other way', async () => {
    const { calls, layer, end } = recorder()
    const running = await stack(end('wire')).layer(layer('a')).layer(layer('b')).end(end('host')).start()
    expect(calls.splice(0)).toEqual(['start wire', 'start host', 'start a', 'start b'])
    await running.stop()
    expect(calls).toEqual(['stop b', 'stop a', 'stop host', 'stop wire'])
  })

  test.each([
    ['wire', ['start wire']],
    ['host', ['start wire', 'start host', 'stop wire']],
    ['a', ['start wire', 'start host', 'start a', 'stop host', 'stop wire']],
    ['b', ['start wire', 'start host', 'start a', 'start b', 'stop a', 'stop host', 'stop wire']],
  ])('when %s fails to start, what was started is stopped again', async (failing, expected) => {
    const { calls, layer, end } = recorder()
    let context: Context | undefined
    const part = (name: string): Lifecycle => ({
      start(given) {
        context = given
        if (name === failing) throw new Error(`${name} is broken`)
      },
    })
    const gateway = stack(end('wire', part('wire')))
      .layer(layer('a', part('a')))
      .layer(layer('b', part('b')))
      .end(end('host', part('host')))
    await expect(gateway.start()).rejects.toThrow(`${failing} is broken`)
    expect(calls).toEqual(expected)
    expect(context?.signal.aborted).toBe(true)
  })

  test('a stop that fails after a failed start does not hide why the start failed', async () => {
    const { calls, layer, end } = recorder()
    const gateway = stack(end('wire', { stop: fail('wire stop') }))
      .layer(layer('a', { stop: fail('a stop') }))
      .layer(layer('b', { start: fail('b start') }))
      .end(end('host', { stop: fail('host stop') }))
    await expect(gateway.start()).rejects.toThrow('b start')
    expect(calls.filter((call) => call.startsWith('stop'))).toEqual(['stop a', 'stop host', 'stop wire'])
  })

  test('a part that fails to stop keeps no other from being stopped', async () => {
    const { calls, layer, end } = recorder()
    const running = await stack(end('wire'))
      .layer(layer('a', { stop: fail('a stop') }))
      .layer(layer('b', { stop: fail('b stop') }))
      .end(end('host'))
      .start()
    await expect(running.stop()).rejects.toThrow('b stop')
    await running.stopped
    expect(calls.slice(4)).toEqual(['stop b', 'stop a', 'stop host', 'stop wire'])
  })

  test('stop twice is one stop', async () => {
    const { calls, end } = recorder()
    const running = await stack(end('wire')).end(end('host')).start()
    const first = running.stop()
    expect(running.stop()).toBe(first)
    await first
    await running.stop()
    expect(calls.slice(2)).toEqual(['stop host', 'stop wire'])
  })

  test('await using stops at the end of the block, also when the block throws', async () => {
    const { calls, end } = recorder()
    const run = async (): Promise<void> => {
      await using _running = await stack(end('wire')).end(end('host')).start()
      throw new Error('in the block')
    }
    await expect(run()).rejects.toThrow('in the block')
    expect(calls).toEqual(['start wire', 'start host', 'stop host', 'stop wire'])
  })

  test('a stack is not started twice, but again after it stopped or failed', async () => {
    const { end } = recorder()
    let broken = true
    const flaky: Lifecycle = {
      start() {
        if (broken) throw new Error('broken')
      },
    }
    const gateway = stack(end('wire')).end(end('host', flaky))
    await expect(gateway.start()).rejects.toThrow('broken')
    broken = false
    const running = await gateway.start()
    await expect(gateway.start()).rejects.toThrow('this stack is running already')
    await running.stop()
    await using _again = await gateway.start()
  })
})

describe('the stop limit', () => {
  test('is shared by all parts: what hangs is left behind and logged, the rest is still stopped', async () => {
    const { calls, layer, end } = recorder()
    const clock = new VirtualClock()
    const warnings: object[] = []
    const logger: Logger = { ...silentLogger, warn: (fields) => void warnings.push(fields) }
    const runtime = runtimeWith(bind(CLOCK, clock), bind(LOGGER, logger))
    const running = await stack(end('wire'), { runtime })
      .layer(layer('a', { stop: () => never }))
      .layer(layer('b', { stop: () => never }))
      .end(end('host'))
      .start({ stopLimit: 200 })
    calls.splice(0)
    let stopped = false
    const stopping = running.stop().then(() => {
      stopped = true
    })
    clock.advance(199)
    await new Promise((next) => setImmediate(next))
    expect([stopped, calls]).toEqual([false, ['stop b']])
    clock.advance(1)
    await stopping
    expect(calls).toEqual(['stop b', 'stop a', 'stop host', 'stop wire'])
    expect(warnings).toEqual([{ parts: ['b', 'a'], limit: 200 }])
  })

  test('leaves no timer when the stop was in time', async () => {
    const { end } = recorder()
    let pending = 0
    const clock = new VirtualClock()
    const counted = {
      now: () => clock.now(),
      wall: () => clock.wall(),
      setTimer: () => {
        pending++
        return { cancel: () => void pending-- }
      },
    }
    const gateway = stack(end('wire'), { runtime: runtimeWith(bind(CLOCK, counted)) }).end(end('host'))
    const running = await gateway.start()
    const stopping = running.stop()
    expect(pending).toBe(1)
    await stopping
    expect(pending).toBe(0)
  })
})

describe('an AbortSignal', () => {
  test('aborted before: nothing is started', async () => {
    const { calls, end } = recorder()
    const gateway = stack(end('wire')).end(end('host'))
    await expect(gateway.start({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    expect(calls).toEqual([])
  })

  test('aborted while starting: the start is finished, then everything is stopped', async () => {
    const { calls, end } = recorder()
    const controller = new AbortController()
    const gateway = stack(end('wire')).end(end('host', { start: () => controller.abort() }))
    const running = await gateway.start({ signal: controller.signal })
    await running.stopped
    expect(calls).toEqual(['start wire', 'start host', 'stop host', 'stop wire'])
  })

  test('aborted after: the stack stops, and its layers see their own signal aborted first', async () => {
    const { calls, layer, end } = recorder()
    const controller = new AbortController()
    let seen: AbortSignal | undefined
    const watching: Lifecycle = {
      start({ signal }) {
        seen = signal
      },
      stop: () => void calls.push(`aborted ${seen?.aborted}`),
    }
    const gateway = stack(end('wire')).layer(layer('a', watching)).end(end('host'))
    const running = await gateway.start({ signal: controller.signal })
    expect(seen?.aborted).toBe(false)
    controller.abort()
    await running.stopped
    expect(calls.slice(3)).toEqual(['stop a', 'aborted true', 'stop host', 'stop wire'])
  })

  test('a stop that fails after an abort is logged, not an unhandled rejection', async () => {
    const { end } = recorder()
    const errors: object[] = []
    const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) }
    const gateway = stack(end('wire'), { runtime: runtimeWith(bind(LOGGER, logger)) }).end(
      end('host', { stop: fail('host stop') }),
    )
    const controller = new AbortController()
    const running = await gateway.start({ signal: controller.signal })
    controller.abort()
    await running.stopped
    await new Promise((next) => setImmediate(next))
    expect(errors).toEqual([{ err: new Error('host stop') }])
  })

  test('no listener stays on it when the stack has stopped', async () => {
    const { end } = recorder()
    const controller = new AbortController()
    const listeners = new Set<unknown>()
    const { signal } = controller
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (type: string, listener: never) => {
      listeners.add(listener)
      add(type, listener)
    }
    signal.removeEventListener = (type: string, listener: never) => {
      listeners.delete(listener)
      remove(type, listener)
    }
    const running = await stack(end('wire')).end(end('host')).start({ signal })
    expect(listeners.size).toBe(1)
    await running.stop()
    await new Promise((next) => setImmediate(next))
    expect(listeners.size).toBe(0)
  })
})

test('events of all parts are merged, each with the name of its line, those inside a fork too', async () => {
  const { layer, end } = recorder()
  const subjects: Record<string, Subject<object>> = {}
  const source = (name: string): Lifecycle => {
    const subject = new Subject<object>()
    subjects[name] = subject
    return { events: subject }
  }
  const inside = layers<IpPacket>()
    .layer(layer('inner', source('inner')))
    .end(end('office', source('office')))
  const gateway = stack(end('wire', source('wire')))
    .layer(layer('a', source('a')))
    .layer(log())
    .layer(fork(() => false, inside))
    .end(end('host', source('host')))
  await using running = await gateway.start()
  const seen: StackEvent[] = []
  running.events.subscribe((event) => seen.push(event))
  const names = ['host', 'inner', 'a', 'wire', 'office', 'a']
  for (const [number, name] of names.entries()) subjects[name]?.next({ number })
  expect(seen.map(({ line, event }) => ({ line, event }))).toEqual(
    names.map((line, number) => ({ line, event: { number } })),
  )
})
