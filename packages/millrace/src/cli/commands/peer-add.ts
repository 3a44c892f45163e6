import type { Command } from 'commander'
import { checkPeerName, checkPin, findPeer, newPeer } from '../../state/peers.ts'
import { StateStore } from '../../state/store.ts'
import { type OutputOptions, stateOption } from '../options.ts'
import { printPeer } from '../peer-output.ts'

const NOTES = `
A name has 1 to 32 letters, digits, ".", "_" or "-". The configuration is in
wg-quick's format, usable as it is. It holds the client's private key: keep it
secret.
`

interface AddOptions extends OutputOptions {
  readonly qr?: true
  readonly egressIp?: string
}

export function addPeerAddCommand(peer: Command): void {
  peer
    .command('add')
    .summary('add a client and print its configuration')
    .description('Adds a client with new keys and the next free address, and prints its configuration.')
    .argument('<name>', 'what to call the client')
    .addOption(stateOption())
    .option('--egress-ip <ip>', 'from which of the egress addresses of the gateway it leaves')
    .option('--qr', 'as a QR code, for the WireGuard app of a phone')
    .option('--json', 'as a JSON object')
    .addHelpText('after', NOTES)
    .action(async (name: string, { state: directory, egressIp, ...output }: AddOptions) => {
      checkPeerName(name)
      const state = await new StateStore(directory).update((state) => {
        if (egressIp !== undefined) checkPin(state, egressIp)
        return { ...state, peers: [...state.peers, newPeer(state, name, egressIp)] }
      })
      printPeer(state, findPeer(state, name), output)
    })
}
