import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryDirectory } from '../testing/directory.ts'
import { LockFile } from './lock.ts'

let directory: ReturnType<typeof temporaryDirectory>
let path: string
beforeEach(() => {
  directory = temporaryDirectory()
  path = join(directory.path, 'lock')
})
afterEach(() => directory.remove())

test('one holder at a time, named by its process id, until it releases', () => {
  const lock = LockFile.tryAcquire(path) as LockFile
  expect(lock).toBeInstanceOf(LockFile)
  expect(LockFile.tryAcquire(path)).toBe(process.pid)
  lock.release()
  expect(readdirSync(directory.path)).toEqual([])
  expect(LockFile.tryAcquire(path)).toBeInstanceOf(LockFile)
})

test('the lock of a process that died is free', () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(path, `${pid} 123\n`)
  expect(LockFile.tryAcquire(path)).toBeInstanceOf(LockFile)
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} `))
  expect(readdirSync(directory.path)).toEqual(['lock'])
})

test('so is that of a process whose number another has now', () => {
  writeFileSync(path, `${process.pid} 1\n`)
  expect(LockFile.tryAcquire(path)).toBeInstanceOf(LockFile)
})

test('so is one that says nothing', () => {
  writeFileSync(path, '')
  expect(LockFile.tryAcquire(path)).toBeInstanceOf(LockFile)
})

test('a living process of another user holds it', () => {
  // Process 1 lives; without a start time its number is all there is to tell.
  writeFileSync(path, '1\n')
  expect(LockFile.tryAcquire(path)).toBe(1)
})
