import type { Command } from 'commander'
import { parseFlag } from '../../gateway/flags.ts'

const NOTES = `
It looks at cryptography, system calls, the UDP port, TUN, ping, open files and
addresses, and sends some megabytes through a complete tunnel on loopback. What
is marked "–" works with less than there could be. The exit code is 1 if a
gateway cannot run here.
`

export interface DoctorCommandOptions {
  readonly listen: number
  readonly egressIp: readonly string[]
  readonly json?: true
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('say what this machine can do, and try it')
    .description('Says what this machine can do for a gateway, and tries it.')
    .option('--listen <port>', 'UDP port that a gateway is to listen on', parseFlag.port, 51_820)
    .option('--egress-ip <ip,...>', 'addresses that clients are to leave from', parseFlag.egressIp, [])
    .option('--json', 'as a JSON object')
    .addHelpText('after', NOTES)
    .action(async (options: DoctorCommandOptions) => {
      const { startDoctor } = await import('../start-doctor.ts')
      await startDoctor(options)
    })
}
