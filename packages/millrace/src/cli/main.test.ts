import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publicKeyOf } from '@millrace/layer-wireguard'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StateStore } from '../state/store.ts'
import { millrace } from '../testing/cli.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { makeState } from '../testing/state.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeAll(() => {
  directory = temporaryDirectory()
})
afterAll(() => directory.remove())

/** A directory with the state of a gateway that has clients of these names. */
function stateDirectory(name: string, peers: readonly string[], subnet = '10.7.0.0/24'): StateStore {
  const store = new StateStore(join(directory.path, name))
  store.create()
  store.save(makeState({ subnet }, peers))
  return store
}

describe('bad input: one line on standard error, nothing on standard output, exit code 2', () => {
  const key = 'a'.repeat(42)
  test.each<[string, string, string?]>([
    ['bogus', "millrace: unknown command 'bogus'"],
    ['--bogus', "millrace: unknown option '--bogus'"],
    ['peer bogus', "millrace: unknown command 'bogus'"],
    ['peer add', "millrace: missing required argument 'name'"],
    ['peer add a b', "millrace: too many arguments for 'add'. Expected 1 argument but got 2."],
    ['peer list --state', "millrace: option '--state <dir>' argument missing"],
    ['peer list --state NONE', 'millrace: there is no gateway in NONE yet'],
    ['peer add a/b --state NONE', 'millrace: peer name: expected 1 to 32 letters'],
    ['peer add x --state FULL', 'millrace: the subnet 10.7.0.0/30 is full'],
    ['peer add one --state FULL', 'millrace: there is a peer named one already'],
    ['peer show nobody --state FULL', 'millrace: there is no peer named "nobody"'],
    ['peer remove nobody --state FULL', 'millrace: there is no peer named "nobody"'],
    ['peer list --state BROKEN', 'millrace: BROKEN/gateway.json: listenPort: expected a port from 1 to 65535'],
    ['peer list --state NEWER', 'millrace: NEWER/gateway.json: version 9 is newer than this program'],
    ['gateway --state BROKEN', 'millrace: BROKEN/gateway.json: listenPort: expected a port from 1 to 65535'],
    ['gateway --listen 0 --state NONE', 'millrace: --listen: expected a port from 1 to 65535, got "0"'],
    ['gateway --subnet 10.7.0.0/31 --state NONE', 'millrace: --subnet: 10.7.0.0/31 is too small'],
    [
      'gateway --egress rootless --egress-ip 192.0.2.77 --state NONE',
      'millrace: --egress-ip: no interface of this machine has',
    ],
    ['gateway --egress tun --state NONE', 'millrace: --egress tun needs --egress-ip'],
    ['gateway --egress kernel --egress-ip 203.0.113.7 --state NONE', 'millrace: --egress-ip does not go with'],
    ['gateway --public :1 --state NONE', 'millrace: --public: expected HOST, HOST:PORT or [IPV6]:PORT'],
    ['gateway --subnet 10.9.0.0/24 --state FULL', 'millrace: --subnet: the clients in this state directory'],
    ['gateway --unknown', "millrace: unknown option '--unknown'"],
    ['pubkey', 'millrace: private key on standard input: expected a key of 32 bytes in base64', ''],
    ['pubkey', 'millrace: private key on standard input: expected a key of 32 bytes in base64', key],
    ['genkey extra', "millrace: too many arguments for 'genkey'. Expected 0 arguments but got 1."],
  ])('millrace %s', async (line, message, input) => {
    stateDirectory('full', ['one'], '10.7.0.0/30')
    mkdirSync(join(directory.path, 'broken'), { recursive: true })
    writeFileSync(join(directory.path, 'broken', 'gateway.json'), JSON.stringify({ ...makeState(), listenPort: 'x' }))
    mkdirSync(join(directory.path, 'newer'), { recursive: true })
    writeFileSync(join(directory.path, 'newer', 'gateway.json'), JSON.stringify({ version: 9 }))
    const place = (text: string): string =>
      text.replace(/NONE|FULL|BROKEN|NEWER/, (name) => join(directory.path, name.toLowerCase()))
    const before = readFileSync(join(directory.path, 'full', 'gateway.json'), 'utf8')
    const { code, stdout, stderr } = await millrace(line.split(' ').map(place), input)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.startsWith(place(message)), stderr).toBe(true)
    expect(stderr).toMatch(/^[^\n]+\n$/)
    expect(existsSync(join(directory.path, 'none'))).toBe(false)
    expect(readFileSync(join(directory.path, 'full', 'gateway.json'), 'utf8')).toBe(before)
  })
})

test.each(['--help', 'help gateway', 'peer add --help', '', 'peer'])('millrace %s: help, exit code 0', async (line) => {
  const { code, stdout, stderr } = await millrace(line.split(' ').filter((word) => word !== ''))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^Usage: millrace/)
})

test('millrace --version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await millrace(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

describe('peer', () => {
  test('add prints what show prints again; list names it; remove takes it away', async () => {
    const { directory: state, file } = stateDirectory('peers', ['one'])
    const added = await millrace(['peer', 'add', 'two', '--state', state])
    expect({ code: added.code, stderr: added.stderr }).toEqual({ code: 0, stderr: '' })
    expect(added.stdout).toMatch(/^\[Interface\]\n# two\n/)
    expect(await millrace(['peer', 'show', 'two', '--state', state])).toEqual(added)

    const [one, two] = new StateStore(state).require().peers
    const listed = await millrace(['peer', 'list', '--state', state])
    expect(listed.stdout).toBe(`one  10.7.0.2  ${one!.publicKey}\ntwo  10.7.0.3  ${two!.publicKey}\n`)
    const forPrograms = await millrace(['peer', 'list', '--json', '--state', state])
    expect(JSON.parse(forPrograms.stdout)).toEqual([
      { name: 'one', address: '10.7.0.2', address6: 'fd12:3456:789a::2', publicKey: one!.publicKey },
      { name: 'two', address: '10.7.0.3', address6: 'fd12:3456:789a::3', publicKey: two!.publicKey },
    ])
    const shown = await millrace(['peer', 'show', 'two', '--json', '--state', state])
    expect(JSON.parse(shown.stdout)).toMatchObject({ name: 'two', config: added.stdout })
    const qr = await millrace(['peer', 'show', 'two', '--qr'], '', { MILLRACE_STATE: state })
    expect(qr.stdout).toMatch(/^[█▀▄ \n]+$/)

    expect(await millrace(['peer', 'remove', 'two', '--state', state])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(readFileSync(file, 'utf8')).not.toContain('two')
  })

  test('ten added at the same time all get an address of their own', async () => {
    const store = stateDirectory('parallel', [])
    const names = Array.from({ length: 10 }, (_, i) => `peer${i}`)
    const results = await Promise.all(names.map((name) => millrace(['peer', 'add', name, '--state', store.directory])))
    expect(results.map(({ code }) => code)).toEqual(names.map(() => 0))
    const { peers } = store.require()
    expect(peers.map(({ name }) => name).sort()).toEqual(names)
    expect(peers.map(({ address }) => address)).toEqual(names.map((_, i) => `10.7.0.${i + 2}`))
  })
})

describe('keys', () => {
  test('genkey makes private keys that pubkey takes, with or without a line break', async () => {
    const { stdout } = await millrace(['genkey'])
    const expected = { code: 0, stdout: `${publicKeyOf(stdout.trim())}\n`, stderr: '' }
    expect(await millrace(['pubkey'], stdout)).toEqual(expected)
    expect(await millrace(['pubkey'], stdout.trim())).toEqual(expected)
    expect((await millrace(['genpsk'])).stdout).toMatch(/^[A-Za-z0-9+/]{43}=\n$/)
  })

  const hasWg = spawnSync('wg', ['--version']).status === 0
  test.skipIf(!hasWg)('pubkey says what wg says (needs wireguard-tools)', async () => {
    const { stdout } = await millrace(['genkey'])
    const theirs = spawnSync('wg', ['pubkey'], { input: stdout, encoding: 'utf8' })
    expect((await millrace(['pubkey'], stdout)).stdout).toBe(theirs.stdout)
  })
})
