// Who is compared: each starts its gateway in the gateway's namespace and connects the client's to it.
import { existsSync, readFileSync } from 'node:fs'
import { chmod, chown, copyFile, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatePrivateKey, publicKeyOf } from 'millrace'
import { findImplementations } from './implementations.mjs'
import { startClient } from './rootless-client.mjs'
import { CLIENT_END, EGRESS, GATEWAY, GATEWAY_END, MTU, SERVER } from './rootless-world.mjs'
import { run } from './world.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const MILLRACE = here('../../packages/millrace/dist/cli/main.js')
const GVISOR_SOURCE = here('gvisor-gateway')
const PORT = 51_820
/** Where the slirps put the client. */
const TAP = 'tap0'
const ADDRESS = '10.0.2.100'
/** nobody, on every Linux. */
const NOBODY = 65_534
const UNPRIVILEGED = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs']
const WITHOUT = ['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all']

/** Names that may be asked for. */
export const GATEWAYS = ['millrace', 'gvisor', 'slirp4netns', 'pasta']

/**
 * The gateways that are there, Millrace first: `{ name, title, version, start(world) }`, which resolves to `{ pid, stop() }`
 * with the client connected. `note` is told of those that are not.
 */
export async function findGateways({ cache, only, profile, note }) {
  const found = []
  const isTunnel = (name) => name === 'millrace' || name === 'gvisor'
  const [wireguardGo] = only.some(isTunnel) ? await findImplementations({ cache, only: ['wireguard-go'], note }) : []
  for (const name of GATEWAYS) {
    if (!only.includes(name)) continue
    if (isTunnel(name) && wireguardGo === undefined) note(`${name} is left out: it needs wireguard-go as client`)
    else found.push(await finders[name]({ cache, profile, note, wireguardGo }))
  }
  return found.filter((gateway) => gateway !== undefined)
}

const finders = {
  async millrace({ wireguardGo, profile }) {
    const version = await run(['git', '-C', here('.'), 'describe', '--always', '--dirty']).catch(() => 'unknown')
    const start = (world) => startMillrace(world, wireguardGo, profile)
    return { name: 'millrace', title: 'Millrace', version: version.trim(), start }
  },

  async gvisor({ cache, note, wireguardGo }) {
    const binary = join(cache, 'gvisor-gateway', 'gvisor-gateway')
    try {
      // Go itself knows whether there is something to do.
      await run(['nice', 'go', 'build', '-C', GVISOR_SOURCE, '-buildvcs=false', '-o', binary, '.'], {
        timeout: 600_000,
      })
    } catch (error) {
      if (!existsSync(binary)) {
        note(`gvisor is left out: it does not build here\n${error.message.split('\n').slice(-5).join('\n')}`)
        return undefined
      }
    }
    const modules = readFileSync(join(GVISOR_SOURCE, 'go.mod'), 'utf8')
    const versions = [...modules.matchAll(/^\t(\S+) (v\S+)$/gm)].map(([, path, version]) => `${path} ${version}`)
    const start = (world) => startGvisor(world, wireguardGo, binary)
    return { name: 'gvisor', title: 'wireguard-go + gVisor', version: versions.join(', '), start }
  },

  slirp4netns: ({ note }) => installed('slirp4netns', /slirp4netns version (\S+)/, startSlirp4netns, note),
  pasta: ({ note }) => installed('pasta', /^pasta (.+)/, startPasta, note),
}

async function installed(name, pattern, start, note) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  if (!folders.some((folder) => existsSync(join(folder, name)))) {
    note(`${name} is left out: it is not installed`)
    return undefined
  }
  const version = pattern.exec(await run([name, '--version']))?.[1] ?? 'unknown'
  return { name, title: name, version, start }
}

async function startMillrace(world, wireguardGo, profile) {
  const state = await unprivilegedFolder(world, 'millrace')
  const command = [MILLRACE, 'gateway', '--egress', 'rootless', '--state', join(state, 'state'), '--json']
  const flags = ['--listen', `${PORT}`, '--public', GATEWAY, '--egress-ip', EGRESS, '--allow', `${SERVER}/32`]
  const node = [process.execPath, ...(profile !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${state}`] : [])]
  const program = world.start(GATEWAY_END, [...UNPRIVILEGED, ...WITHOUT, ...node, ...command, ...flags])
  return await withClient(
    world,
    wireguardGo,
    program,
    async () => {
      await program.until(() => program.stdout.includes('\n'))
      const { firstPeer } = JSON.parse(program.stdout.split('\n')[0])
      const value = (key) => new RegExp(`^${key} = ([^,\\s]+)`, 'm').exec(firstPeer.config)?.[1]
      return {
        privateKey: value('PrivateKey'),
        address: value('Address').split('/')[0],
        publicKey: value('PublicKey'),
        presharedKey: value('PresharedKey'),
        endpoint: value('Endpoint'),
      }
    },
    profile && (() => keepProfile(state, profile)),
  )
}

async function startGvisor(world, wireguardGo, binary) {
  const folder = await unprivilegedFolder(world, 'gvisor')
  // The cache is in somebody's home, which nobody may not enter.
  const program = join(folder, 'gvisor-gateway')
  await copyFile(binary, program)
  const keys = [generatePrivateKey(), generatePrivateKey()]
  const hex = (key) => Buffer.from(key, 'base64').toString('hex')
  const lines = [`private_key=${hex(keys[0])}`, `listen_port=${PORT}`, `public_key=${hex(publicKeyOf(keys[1]))}`]
  const file = join(folder, 'configuration')
  await writeFile(file, `${lines.join('\n')}\nallowed_ip=${ADDRESS}/32\n`)
  const running = world.start(GATEWAY_END, [...UNPRIVILEGED, ...WITHOUT, program, file])
  return await withClient(world, wireguardGo, running, async () => {
    await running.until(() => running.stdout.includes('ready'))
    const endpoint = `${GATEWAY}:${PORT}`
    return { privateKey: keys[1], address: ADDRESS, publicKey: publicKeyOf(keys[0]), endpoint }
  })
}

async function withClient(world, wireguardGo, program, configuration, ended = () => {}) {
  let client
  const gateway = {
    pid: program.pid,
    async stop() {
      await client?.stop()
      await program.stop()
      await ended()
    },
  }
  try {
    client = await startClient(world, wireguardGo, await configuration())
    return gateway
  } catch (error) {
    await gateway.stop()
    throw error
  }
}

/** A new folder of its own, for who has no privileges. */
async function unprivilegedFolder(world, name) {
  await chmod(world.folder, 0o711)
  const folder = await mkdtemp(join(world.folder, name))
  await chown(folder, NOBODY, NOBODY)
  return folder
}

/** Node writes it when it ends. */
async function keepProfile(folder, file) {
  const name = (await readdir(folder)).find((name) => name.endsWith('.cpuprofile'))
  if (name !== undefined) await copyFile(join(folder, name), file)
}

const startSlirp4netns = (world) => {
  const words = ['--configure', `--mtu=${MTU}`, '--disable-dns', '--netns-type=path', world.clientNamespace, TAP]
  return startSlirp(world, ['slirp4netns', ...words])
}

const startPasta = (world) => {
  const here = ['--foreground', '--quiet', '--runas', '0', '--netns-only', '--netns', world.clientNamespace]
  const network = ['--config-net', '--no-map-gw', '-4', '-m', `${MTU}`, '-I', TAP, '-i', 'eth1']
  const noPorts = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none']
  return startSlirp(world, ['pasta', ...here, ...network, ...noPorts])
}

/** They need privileges to enter the client's namespace, which is not ours to give them in another way. */
async function startSlirp(world, command) {
  const program = world.start(GATEWAY_END, command)
  const gateway = { pid: program.pid, stop: () => program.stop() }
  try {
    const routes = ['ip', '-j', 'route', 'get', SERVER]
    await program.until(() =>
      world.run(CLIENT_END, routes).then(
        (text) => text.includes(TAP),
        () => false,
      ),
    )
    return gateway
  } catch (error) {
    await gateway.stop()
    throw error
  }
}
