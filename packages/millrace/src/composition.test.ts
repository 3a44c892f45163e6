import {
  CLOCK,
  type IpPacket,
  LOGGER,
  runtimeWith,
  type Service,
  silentLogger,
  systemClock,
  type Token,
  token,
} from '@millrace/core'
import { MemoryHost, VirtualClock } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { container, containerRuntime, stack } from './index.ts'

describe('containerRuntime', () => {
  test('gives what is registered', () => {
    const clock = new VirtualClock()
    const own = container.createChildContainer()
    own.register(CLOCK.key, { useValue: clock })
    expect(containerRuntime(own).get(CLOCK)).toBe(clock)
  })

  test('gives the fallback where nothing is, the same each time', () => {
    const own = container.createChildContainer()
    const runtime = containerRuntime(own)
    const counted: Token<object> = token('Counted', () => ({}))
    expect(runtime.get(counted)).toBe(runtime.get(counted))
    expect(containerRuntime(own).get(counted)).toBe(runtime.get(counted))
    expect(runtime.get(CLOCK)).toBe(systemClock)
  })

  test('a fallback may be undefined: what this machine does not have', () => {
    const absent: Token<string | undefined> = token('Absent', () => undefined)
    expect(containerRuntime(container.createChildContainer()).get(absent)).toBeUndefined()
  })

  test('a registration after the first use counts from then on', () => {
    const own = container.createChildContainer()
    const runtime = containerRuntime(own)
    expect(runtime.get(LOGGER)).toBe(silentLogger)
    const logger = { ...silentLogger }
    own.register(LOGGER.key, { useValue: logger })
    expect(runtime.get(LOGGER)).toBe(logger)
  })
})

describe('stack', () => {
  function clockOf(options: Parameters<typeof stack>[1]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const gateway = stack<IpPacket>(new MemoryHost(), options)
        .layer({ layer: (inner: Service<IpPacket>) => inner, start: ({ clock }) => resolve(clock) })
        .end(new MemoryHost())
      gateway.start().then((running) => running.stop(), reject)
    })
  }

  test('takes its clock from the container', async () => {
    const clock = new VirtualClock()
    const before = containerRuntime().get(CLOCK)
    container.register(CLOCK.key, { useValue: clock })
    try {
      expect(await clockOf({})).toBe(clock)
    } finally {
      container.register(CLOCK.key, { useValue: before })
    }
  })

  test('or from the runtime it is given', async () => {
    const clock = new VirtualClock()
    expect(await clockOf({ runtime: runtimeWith([CLOCK, clock]) })).toBe(clock)
  })
})
