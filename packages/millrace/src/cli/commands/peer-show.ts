import type { Command } from 'commander'
import { findPeer } from '../../state/peers.ts'
import { StateStore } from '../../state/store.ts'
import { type OutputOptions, stateOption } from '../options.ts'
import { printPeer } from '../peer-output.ts'

export function addPeerShowCommand(peer: Command): void {
  peer
    .command('show')
    .summary("print a client's configuration again")
    .description("Prints a client's configuration again, private key included.")
    .argument('<name>', 'the client')
    .addOption(stateOption())
    .option('--qr', 'as a QR code, for the WireGuard app of a phone')
    .option('--json', 'as a JSON object')
    .action((name: string, { state: directory, ...output }: OutputOptions & { qr?: true }) => {
      const state = new StateStore(directory).require()
      printPeer(state, findPeer(state, name), output)
    })
}
