import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../testing/directory.ts'
import { MemoryMachine } from '../testing/memory-machine.ts'
import { RecordingLogger } from '../testing/recording-logger.ts'
import type { Change } from './changes.ts'
import { Journal } from './journal.ts'

const masquerade: Change = { kind: 'masquerade', tunnel: 'millrace0', subnet: '10.7.0.0/24' }
const forwarding: Change = { kind: 'forwarding', interface: 'eth0' }
const proxy: Change = { kind: 'proxy-neighbour', interface: 'eth0', address: '203.0.113.7' }

let directory: ReturnType<typeof temporaryDirectory>
let file: string
let machine: MemoryMachine
let logger: RecordingLogger
beforeEach(() => {
  directory = temporaryDirectory()
  file = join(directory.path, 'undo.json')
  machine = new MemoryMachine()
  logger = new RecordingLogger()
})
afterEach(() => directory.remove())

function journal(): Journal {
  return new Journal(directory.path, machine)
}

function written(): Change[] {
  return JSON.parse(readFileSync(file, 'utf8')).changes
}

describe('Journal', () => {
  test('undoes the last change first, and leaves no file', async () => {
    const own = journal()
    for (const change of [masquerade, forwarding, proxy]) await own.make(change)
    await own.undoAll()
    expect(machine.calls).toEqual([
      'nft create',
      'forwarding eth0 on',
      'answer for 203.0.113.7 on eth0',
      'no answer for 203.0.113.7 on eth0',
      'forwarding eth0 off',
      'nft add',
    ])
    expect(existsSync(file)).toBe(false)
  })

  test('undoes as far as a mark', async () => {
    const own = journal()
    await own.make(masquerade)
    const { mark } = own
    await own.make(forwarding)
    await own.undoAll(mark)
    expect(machine.calls.at(-1)).toBe('forwarding eth0 off')
    expect(written()).toEqual([masquerade])
  })

  test('each change is on disk before it is made', async () => {
    const own = journal()
    const onDisk: Change[][] = []
    machine.setForwarding = () => void onDisk.push(written())
    await own.make(masquerade)
    await own.make(forwarding)
    expect(onDisk).toEqual([[masquerade, forwarding]])
  })

  test('leaves alone what was so before', async () => {
    machine.forwards.add('eth0')
    machine.proxies.add('203.0.113.7 eth0')
    const own = journal()
    await own.make(forwarding)
    await own.make(proxy)
    await own.undoAll()
    expect(machine.calls).toEqual([])
  })

  test('a change that fails is not undone: the table of another gateway stays', async () => {
    machine.failure = { call: 'nft create', error: new Error('exists') }
    const own = journal()
    await expect(own.make(masquerade)).rejects.toThrow('exists')
    await own.undoAll()
    expect(machine.calls).toEqual(['nft create'])
    expect(existsSync(file)).toBe(false)
  })

  test('one that cannot be undone does not keep the others, and stays in the file', async () => {
    const own = journal()
    for (const change of [forwarding, proxy]) await own.make(change)
    machine.failure = { call: 'no answer for 203.0.113.7 on eth0', error: new Error('busy') }
    await expect(own.undoAll()).rejects.toThrow('busy')
    expect(machine.forwarding('eth0')).toBe(false)
    expect(written()).toEqual([proxy])
  })
})

describe('after a killed process', () => {
  beforeEach(async () => {
    const killed = journal()
    for (const change of [masquerade, forwarding, proxy]) await killed.make(change)
    machine.calls.length = 0
  })

  test('the next one cleans up and says so', async () => {
    await journal().recover(logger)
    expect(machine.calls).toEqual(['no answer for 203.0.113.7 on eth0', 'forwarding eth0 off', 'nft add'])
    expect(logger.lines).toEqual(['warn cleaning up after a killed gateway'])
    expect(existsSync(file)).toBe(false)
  })

  test('interfaces that are gone need nothing', async () => {
    machine.interfaces.delete('eth0')
    await journal().recover(logger)
    expect(machine.calls).toEqual(['nft add'])
  })

  test('nor does anything after a boot', async () => {
    machine.identity = 'boot-2'
    await journal().recover(logger)
    expect([machine.calls, logger.lines, existsSync(file)]).toEqual([[], [], false])
  })

  test.each(['', '{}', '{"version":1,"machine":"boot-1","changes":[{"kind":"forwarding","interface":"../../x"}]}'])(
    'a file of %j is told of and not followed',
    async (text) => {
      writeFileSync(file, text)
      await journal().recover(logger)
      expect(machine.calls).toEqual([])
      expect(logger.lines).toEqual(['warn cannot read what a killed gateway left to undo: ignoring it'])
    },
  )
})

test('without a file there is nothing to recover', async () => {
  await journal().recover(logger)
  expect([machine.calls, logger.lines]).toEqual([[], []])
})
