import type { Command } from 'commander'
import { StateStore } from '../../state/store.ts'
import { type OutputOptions, stateOption } from '../options.ts'
import { print, printJson } from '../output.ts'
import { describePeer } from '../peer-output.ts'

export function addPeerListCommand(peer: Command): void {
  peer
    .command('list')
    .summary('list the clients')
    .description('Lists the clients, one a line: name, address, public key.')
    .addOption(stateOption())
    .option('--json', 'as a JSON array')
    .action(({ state: directory, json }: OutputOptions) => {
      const { peers } = new StateStore(directory).require()
      if (json) {
        printJson(peers.map(describePeer))
        return
      }
      const nameWidth = Math.max(0, ...peers.map(({ name }) => name.length))
      const addressWidth = Math.max(0, ...peers.map(({ address }) => address.length))
      for (const peer of peers) {
        print(`${peer.name.padEnd(nameWidth)}  ${peer.address.padEnd(addressWidth)}  ${peer.publicKey}\n`)
      }
    })
}
