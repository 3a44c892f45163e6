import { text } from 'node:stream/consumers'
import { decodeKey, publicKeyOf } from '@millrace/layer-wireguard'
import type { Command } from 'commander'
import { print } from '../output.ts'

const NOTES = `
Example:
  millrace genkey | tee private.key | millrace pubkey > public.key
`

export function addPubkeyCommand(program: Command): void {
  program
    .command('pubkey')
    .summary('read a private key, print its public key')
    .description('Reads a private key, base64, from standard input and prints its public key, as `wg pubkey` does.')
    .addHelpText('after', NOTES)
    .action(async () => {
      const privateKey = (await text(process.stdin)).trim()
      decodeKey(privateKey, 'private key on standard input')
      print(`${publicKeyOf(privateKey)}\n`)
    })
}
