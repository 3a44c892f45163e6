// One WireGuard interface: started, configured and watched in the same way whoever wrote the program.
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { NAT_ADDRESS } from './implementations.mjs'
import { hasInterface } from './process-figures.mjs'
import { outerAddress } from './world.mjs'

const MTU = 1420
export const PORT = 51_820

export const innerAddress = (end) => `10.9.0.${end + 1}`

export class Interface {
  /** Milliseconds from the start of the program until the interface was there and the control socket answered. */
  startup
  program
  #world
  #end
  #name

  /** Control sockets of all namespaces lie in one folder, so that the two ends need different names. */
  constructor(world, end) {
    this.#world = world
    this.#end = end
    this.#name = `mr${process.pid}-${end}`
  }

  async start(implementation) {
    const { command, env } = implementation
    const began = performance.now()
    this.program = this.#world.start(this.#end, [...command(this.#end), this.#name], env)
    await this.program.until(async () => hasInterface(this.program.pid, this.#name) && (await answers(this.#socket)))
    this.startup = performance.now() - began
  }

  /** Gives it keys, one peer (the other end), an address, the MTU, and brings it up. */
  async configure({ privateKey, peerPublicKey, layered }) {
    const other = 1 - this.#end
    const endpoint = `${outerAddress(other)}:${PORT}`
    const peer = ['peer', peerPublicKey, 'endpoint', endpoint, 'allowed-ips', `${innerAddress(other)}/32`]
    await this.#wg('set', this.#name, 'listen-port', `${PORT}`, 'private-key', this.#file('key', privateKey), ...peer)
    await this.#up()
    if (layered) await this.#ip('route', 'add', `${NAT_ADDRESS}/32`, 'dev', this.#name)
  }

  /** Gives it a key and many peers that are to come to it, and brings it up. */
  async configureResponder({ privateKey, peerPublicKeys }) {
    const head = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = ${PORT}\n`
    const peers = peerPublicKeys.map((key) => `[Peer]\nPublicKey = ${key}\n`)
    await this.#wg('setconf', this.#name, this.#file('conf', head + peers.join('')))
    await this.#up()
  }

  async stop() {
    await this.program?.stop()
    rmSync(this.#socket, { force: true })
  }

  get #socket() {
    return `/var/run/wireguard/${this.#name}.sock`
  }

  async #up() {
    await this.#ip('address', 'add', `${innerAddress(this.#end)}/24`, 'dev', this.#name)
    await this.#ip('link', 'set', this.#name, 'mtu', `${MTU}`, 'up')
  }

  #file(kind, text) {
    const path = join(this.#world.folder, `${this.#name}.${kind}`)
    writeFileSync(path, `${text}\n`, { mode: 0o600 })
    return path
  }

  #wg(...words) {
    return this.#world.run(this.#end, ['wg', ...words])
  }

  #ip(...words) {
    return this.#world.run(this.#end, ['ip', ...words])
  }
}

/** Asks the control socket as `wg show` does. False if nobody answers, or not yet. */
function answers(path) {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write('get=1\n\n'))
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
