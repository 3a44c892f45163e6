import type { Command } from 'commander'
import { findPeer } from '../../state/peers.ts'
import { StateStore } from '../../state/store.ts'
import { type StateOptions, stateOption } from '../options.ts'

export function addPeerRemoveCommand(peer: Command): void {
  peer
    .command('remove')
    .summary('remove a client, at once')
    .description('Removes a client and its keys. A running gateway ends its session at once.')
    .argument('<name>', 'the client')
    .addOption(stateOption())
    .action(async (name: string, { state: directory }: StateOptions) => {
      await new StateStore(directory).update((state) => {
        const gone = findPeer(state, name)
        return { ...state, peers: state.peers.filter((peer) => peer !== gone) }
      })
    })
}
