import { generatePrivateKey } from '@millrace/layer-wireguard'
import type { Command } from 'commander'
import { print } from '../output.ts'

export function addGenkeyCommand(program: Command): void {
  program
    .command('genkey')
    .summary('print a new private key')
    .description('Prints a new private key, base64, as `wg genkey` does.')
    .action(() => print(`${generatePrivateKey()}\n`))
}
