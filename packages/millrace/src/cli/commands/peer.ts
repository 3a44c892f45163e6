import type { Command } from 'commander'
import { addPeerAddCommand } from './peer-add.ts'
import { addPeerListCommand } from './peer-list.ts'
import { addPeerRemoveCommand } from './peer-remove.ts'
import { addPeerShowCommand } from './peer-show.ts'

const NOTES = `
A running gateway takes every change at once, without a restart.

Examples:
  sudo millrace peer add laptop > laptop.conf
  sudo millrace peer show phone --qr
`

export function addPeerCommand(program: Command): void {
  const peer = program
    .command('peer')
    .summary('add, list, show and remove the clients of a gateway')
    .description('The clients of a gateway: adds, lists, shows and removes them.')
    .addHelpText('after', NOTES)
  addPeerAddCommand(peer)
  addPeerListCommand(peer)
  addPeerShowCommand(peer)
  addPeerRemoveCommand(peer)
}
