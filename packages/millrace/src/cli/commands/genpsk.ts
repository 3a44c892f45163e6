import { generatePresharedKey } from '@millrace/layer-wireguard'
import type { Command } from 'commander'
import { print } from '../output.ts'

export function addGenpskCommand(program: Command): void {
  program
    .command('genpsk')
    .summary('print a new pre-shared key')
    .description('Prints a new pre-shared key, base64, as `wg genpsk` does.')
    .action(() => print(`${generatePresharedKey()}\n`))
}
