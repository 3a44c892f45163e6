// The client of every tunnel: wireguard-go, with a route to the server's network.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasInterface } from './process-figures.mjs'
import { CLIENT_END, MTU, SERVER } from './rootless-world.mjs'

const NAME = `mrc${process.pid}`
const SOCKET = `/var/run/wireguard/${NAME}.sock`

/** Brings it up; `{ stop() }`. The configuration has `privateKey`, `address`, `publicKey`, `presharedKey` and `endpoint`. */
export async function startClient(world, wireguardGo, configuration) {
  const words = [...wireguardGo.command(CLIENT_END), NAME]
  const program = world.start(CLIENT_END, words, wireguardGo.env)
  const client = {
    async stop() {
      await program.stop()
      rmSync(SOCKET, { force: true })
    },
  }
  try {
    await program.until(() => hasInterface(program.pid, NAME))
    await configure(world, configuration)
    return client
  } catch (error) {
    await client.stop()
    throw error
  }
}

async function configure(world, { privateKey, address, publicKey, presharedKey, endpoint }) {
  const secret = presharedKey === undefined ? '' : `PresharedKey = ${presharedKey}\n`
  const peer = `[Peer]\nPublicKey = ${publicKey}\n${secret}Endpoint = ${endpoint}\nAllowedIPs = 0.0.0.0/0\n`
  const file = join(world.folder, 'client.conf')
  writeFileSync(file, `[Interface]\nPrivateKey = ${privateKey}\n${peer}`, { mode: 0o600 })
  const commands = [
    ['wg', 'setconf', NAME, file],
    ['ip', 'address', 'add', `${address}/32`, 'dev', NAME],
    ['ip', 'link', 'set', NAME, 'mtu', `${MTU}`, 'up'],
    ['ip', 'route', 'add', `${SERVER}/32`, 'dev', NAME],
  ]
  for (const command of commands) await world.run(CLIENT_END, command)
}
