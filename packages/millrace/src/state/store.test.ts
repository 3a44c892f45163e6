import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EnvironmentError } from '@millrace/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../testing/directory.ts'
import { makeState } from '../testing/state.ts'
import { writeAtomically } from './atomic-file.ts'
import { newPeer } from './peers.ts'
import { StateStore } from './store.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

describe('StateStore', () => {
  test('makes the directory 0700 and the file 0600, and leaves nothing else', () => {
    const store = new StateStore(join(directory.path, 'a', 'b'))
    store.create()
    store.save(makeState())
    expect([mode(store.directory), mode(store.file)]).toEqual(['700', '600'])
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('gives back what was saved, undefined before that', () => {
    const store = new StateStore(directory.path)
    expect(store.load()).toBeUndefined()
    const state = makeState({}, ['one', 'two'])
    store.save(state)
    expect(store.load()).toEqual(state)
  })

  test('what it made is taken away again as long as it is empty', () => {
    const store = new StateStore(join(directory.path, 'a', 'b'))
    store.create()()
    expect(readdirSync(directory.path)).toEqual([])
    const undo = store.create()
    store.save(makeState())
    undo()
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('does not take away a directory that was there', () => {
    const undo = new StateStore(directory.path).create()
    undo()
    expect(statSync(directory.path).isDirectory()).toBe(true)
  })

  test('updates that run at the same time all count', async () => {
    const store = new StateStore(directory.path)
    store.save(makeState({}, []))
    const names = Array.from({ length: 20 }, (_, i) => `peer${i}`)
    await Promise.all(
      names.map((name) => store.update((state) => ({ ...state, peers: [...state.peers, newPeer(state, name)] }))),
    )
    const { peers } = store.require()
    expect(peers.map(({ name }) => name).sort()).toEqual([...names].sort())
    expect(new Set(peers.map(({ address }) => address)).size).toBe(20)
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('an update that fails leaves the file as it is and the lock free', async () => {
    const store = new StateStore(directory.path)
    store.save(makeState())
    const before = readFileSync(store.file, 'utf8')
    await expect(
      store.update(() => {
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(readFileSync(store.file, 'utf8')).toBe(before)
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('says in one sentence that there is no gateway, or that a path is no directory', async () => {
    const none = new StateStore(join(directory.path, 'none'))
    await expect(none.update((state) => state)).rejects.toThrow(/^there is no gateway in .*none yet/)
    writeFileSync(join(directory.path, 'file'), '')
    const file = new StateStore(join(directory.path, 'file'))
    expect(() => file.load()).toThrow(EnvironmentError)
    expect(() => file.create()).toThrow('expected a directory, found a file')
  })
})

describe('writeAtomically', () => {
  test('whoever reads while it is written sees the old text or the new one, whole', () => {
    const path = join(directory.path, 'file')
    const texts = ['a'.repeat(100_000), 'b'.repeat(50_000)] as const
    writeAtomically(path, texts[0])
    const open = statSync(path).ino
    writeAtomically(path, texts[1])
    // Another file took the name: whoever has the first one open still reads that.
    expect(statSync(path).ino).not.toBe(open)
    expect(readFileSync(path, 'utf8')).toBe(texts[1])
  })

  test('replaces a file of a looser mode by one of 0600', () => {
    const path = join(directory.path, 'file')
    writeFileSync(path, 'old')
    chmodSync(path, 0o644)
    writeAtomically(path, 'new')
    expect(mode(path)).toBe('600')
  })

  test('a failed write leaves nothing behind', () => {
    const path = join(directory.path, 'taken')
    mkdirSync(path)
    expect(() => writeAtomically(path, 'text')).toThrow()
    expect(readdirSync(directory.path)).toEqual(['taken'])
  })
})
