// Who is compared: userspace WireGuard programs that keep to wireguard-go's process contract, so that one code path
// starts, configures and ends them all. Peers are found, or built into the cache folder once: remove it for newer ones.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './world.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const MILLRACE = ['node', here('../../packages/millrace/dist/cli/wg.js'), '-f']
const LAYERED = ['node', here('../tunnel-end.mjs')]
const LOOP_DELAY = here('../loop-delay.mjs')
const TITLES = {
  millrace: 'Millrace',
  'millrace-threads': 'Millrace, 2 threads',
  'millrace-layers': 'Millrace + log, filter, nat',
}
const BUILD_LIMIT = 60 * 60_000

/** The address that the layered gateway gives its peers outside: the kernel behind it must route it to the interface. */
export const NAT_ADDRESS = '203.0.113.7'

const builds = {
  'wireguard-go': {
    binary: 'wireguard-go/wireguard',
    command: (folder) => [['go', 'install', 'golang.zx2c4.com/wireguard@latest'], { GOBIN: folder }],
    version: async (binary) => /\tmod\t\S+\t(\S+)/.exec(await run(['go', 'version', '-m', binary]))?.[1],
  },
  boringtun: cargo('boringtun-cli', 'boringtun-cli'),
  gotatun: cargo('gotatun-cli', 'gotatun'),
}

/** Names that may be asked for. */
export const IMPLEMENTATIONS = [
  'millrace',
  'millrace-threads',
  'millrace-layers',
  ...Object.keys(builds),
  'wireguard-go-debian',
]

function cargo(crate, program) {
  return {
    binary: `${crate}/bin/${program}`,
    command: (folder) => [['cargo', 'install', '--root', folder, crate], {}],
    version: async (binary) => (await run([binary, '--version'])).trim().split(/\s+/).at(-1),
  }
}

/** The implementations that are there, Millrace first; `note` is told of those that are not. */
export async function findImplementations({ cache, only, note }) {
  const found = []
  const wanted = (name) => only.includes(name)
  if (wanted('millrace')) found.push(await millrace('millrace', () => MILLRACE))
  if (wanted('millrace-threads')) found.push(await millrace('millrace-threads', () => MILLRACE))
  if (wanted('millrace-layers'))
    found.push(await millrace('millrace-layers', (end) => (end === 1 ? LAYERED : MILLRACE)))
  for (const name of Object.keys(builds)) {
    if (wanted(name)) found.push(await findOrBuild(name, cache, note))
  }
  if (wanted('wireguard-go-debian')) found.push(await installed(note))
  return found.filter((implementation) => implementation !== undefined)
}

async function millrace(name, command) {
  const version = (await run(['git', '-C', here('.'), 'describe', '--always', '--dirty']).catch(() => 'unknown')).trim()
  const title = TITLES[name]
  const layered = name === 'millrace-layers'
  const threads = name === 'millrace-threads' ? { MILLRACE_THREADS: '2' } : {}
  const env = { NODE_OPTIONS: `--import=${LOOP_DELAY}`, ...threads }
  return { name, title, version, command, env, layered, tellsLoopDelay: true }
}

async function findOrBuild(name, cache, note) {
  const { binary, command, version } = builds[name]
  const path = join(cache, binary)
  if (!existsSync(path)) {
    const [words, env] = command(join(cache, binary.split('/')[0]))
    note(`building ${name}: ${words.join(' ')}`)
    try {
      // Politely: it takes minutes, and others may be at work.
      await run(['nice', '-n', '19', ...words], { timeout: BUILD_LIMIT, env: { ...process.env, ...env } })
    } catch (error) {
      note(`${name} is left out: it does not build here\n${lastLines(error.message)}`)
      return undefined
    }
  }
  const rust = name !== 'wireguard-go'
  // Dropping privileges would take away what the next interface needs; it is not part of the data path.
  const flags = rust ? ['-f', '--disable-drop-privileges', '-v', 'error'] : ['-f']
  return peer(name, name, (await version(path).catch(() => undefined)) ?? 'unknown', [path, ...flags])
}

async function installed(note) {
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'wireguard-go'))
    .find(existsSync)
  if (path === undefined) {
    note('wireguard-go-debian is left out: no wireguard-go is installed')
    return undefined
  }
  const version = /wireguard-go v?(\S+)/.exec(await run([path, '--version']))?.[1] ?? 'unknown'
  return peer('wireguard-go-debian', 'wireguard-go (installed)', version, [path, '-f'])
}

function peer(name, title, version, words) {
  return {
    name,
    title,
    version,
    command: () => words,
    env: { LOG_LEVEL: 'error' },
    layered: false,
    tellsLoopDelay: false,
  }
}

function lastLines(text) {
  return text.split('\n').slice(-5).join('\n')
}
