import { expect, test } from 'vitest'
import { JOBS, JobRing, NONE, ringMemory } from './job-ring.ts'

test('jobs are claimed once, oldest first, whoever claims', () => {
  const memory = ringMemory()
  const [owner, worker] = [new JobRing(memory), new JobRing(memory)]
  expect(worker.claim()).toBe(NONE)
  owner.prepare(0, 0, 5)
  owner.prepare(1, 5, 9)
  expect(worker.claim()).toBe(NONE)
  owner.publish(2)
  expect([worker.claim(), owner.claim(), worker.claim()]).toEqual([0, 1, NONE])
  expect([worker.begin(1), worker.end(1)]).toEqual([5, 9])
})

test('the owner is woken by the job that it waits for, once, and by no other', () => {
  const memory = ringMemory()
  const [owner, worker] = [new JobRing(memory), new JobRing(memory)]
  for (const job of [0, 1]) owner.prepare(job, job, job + 1)
  owner.publish(2)
  worker.claim()
  worker.claim()
  expect(owner.await(0)).toBe(true)
  expect(worker.finish(1)).toBe(false)
  expect(worker.finish(0)).toBe(true)
  expect([owner.isDone(0), owner.isDone(1)]).toEqual([true, true])
  owner.consumed(2)
  expect(owner.await(1)).toBe(false)
})

test('counting goes on past 2^31, and places are used again', () => {
  const ring = new JobRing(ringMemory())
  const first = 0x7fff_fff0
  // The counters as they would be shortly before.
  for (let word = 0; word < 3; word++) ring.words[word * 16] = first
  for (let i = 0; i < 2 * JOBS; i++) {
    const job = (first + i) | 0
    ring.prepare(job, job, (job + 3) | 0)
    ring.publish((job + 1) | 0)
    expect(ring.unclaimed).toBe(1)
    expect(ring.claim()).toBe(job)
    expect(ring.isDone(job)).toBe(false)
    ring.finish(job)
    expect(ring.isDone(job)).toBe(true)
    ring.consumed((job + 1) | 0)
  }
  expect(ring.claim()).toBe(NONE)
})

test('who would sleep does not when there is something to do, or when it is over', () => {
  const ring = new JobRing(ringMemory())
  ring.prepare(0, 0, 1)
  ring.publish(1)
  ring.sleep()
  expect(ring.claim()).toBe(0)
  ring.stop()
  ring.sleep()
  expect(ring.stopped).toBe(true)
})
