import { VirtualClock } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { gather } from './gather.ts'

const never = new Promise<readonly number[]>(() => {})
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('all that comes, in the order of the questions', async () => {
  const slow = later().then(() => [1])
  expect(await gather([slow, Promise.resolve([2, 3]), Promise.resolve([])], new VirtualClock(), 50)).toEqual([1, 2, 3])
})

test('what is silent is waited for a little, once there is something', async () => {
  const clock = new VirtualClock()
  let outcome: readonly number[] | undefined
  void gather([never, Promise.resolve([]), Promise.resolve([4])], clock, 50).then((found) => {
    outcome = found
  })
  await later()
  clock.advance(49)
  await later()
  expect(outcome).toBeUndefined()
  clock.advance(1)
  await later()
  expect(outcome).toEqual([4])
})

test('a failure matters only if there is nothing else', async () => {
  const failed = (): Promise<readonly number[]> => Promise.reject(new Error('no'))
  expect(await gather([failed(), Promise.resolve([5])], new VirtualClock(), 50)).toEqual([5])
  await expect(gather([failed(), Promise.resolve([])], new VirtualClock(), 50)).rejects.toThrow('no')
  expect(await gather([Promise.resolve([])], new VirtualClock(), 50)).toEqual([])
})
