import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addDoctorCommand } from './commands/doctor.ts'
import { addGatewayCommand } from './commands/gateway.ts'
import { addGenkeyCommand } from './commands/genkey.ts'
import { addGenpskCommand } from './commands/genpsk.ts'
import { addPeerCommand } from './commands/peer.ts'
import { addProxyCommand } from './commands/proxy.ts'
import { addPubkeyCommand } from './commands/pubkey.ts'

const NOTES = `
Begin with \`millrace gateway --help\`. WireGuard is a registered trademark of
Jason A. Donenfeld; this is an independent implementation.
`

/** The command line. Parsing throws; `failureOf` says what to tell the user. */
export function makeProgram(): Command {
  const program = new Command('millrace')
    .description('A WireGuard gateway with a static egress IP, and its clients.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', NOTES)
    .exitOverride()
    // Errors are printed by main, in one line; what is left for this is the help when no command is named.
    .configureOutput({ outputError: () => {}, writeErr: (text) => void process.stdout.write(text) })
  addGatewayCommand(program)
  addPeerCommand(program)
  addDoctorCommand(program)
  addProxyCommand(program)
  addGenkeyCommand(program)
  addPubkeyCommand(program)
  addGenpskCommand(program)
  return program
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
