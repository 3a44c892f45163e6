import { spawn } from 'node:child_process'
import { EnvironmentError } from '@millrace/core'

const TABLE = 'millrace'

/**
 * The rules of `--egress kernel`. What connection tracking cannot place is not translated, and would leave with a
 * client's address: it is dropped. So is what comes for a client unasked.
 */
export function masqueradeRules(tunnel: string, subnet: string): string {
  return `create table ip ${TABLE}
add chain ip ${TABLE} forward { type filter hook forward priority 0; policy accept; }
add rule ip ${TABLE} forward iifname "${tunnel}" ct state { invalid, untracked } drop
add rule ip ${TABLE} forward oifname "${tunnel}" ct state != { established, related } drop
add chain ip ${TABLE} postrouting { type nat hook postrouting priority 100; policy accept; }
add rule ip ${TABLE} postrouting ip saddr ${subnet} oifname != "${tunnel}" masquerade
`
}

/** Takes the table away; no error when it is not there. */
export const REMOVE_RULES: string = `add table ip ${TABLE}
delete table ip ${TABLE}
`

/** Feeds a script to nft(8) on its standard input, as one transaction; with `check` nothing is changed. No shell. */
export async function runNft(script: string, { check = false }: { readonly check?: boolean } = {}): Promise<void> {
  const { code, errors } = await run(check ? ['-c', '-f', '-'] : ['-f', '-'], script)
  if (code === 0) return
  if (errors.includes('File exists')) {
    throw new EnvironmentError(
      `there is an nftables table named ${TABLE} already: another gateway with --egress kernel uses it; if none runs, remove it with \`nft delete table ip ${TABLE}\``,
    )
  }
  const reason = errors
    .trim()
    .split('\n')[0]
    ?.replace(/^.*?Error: /, '')
  throw new EnvironmentError(`nft refused the rules for --egress kernel: ${reason || `exit code ${code}`}`)
}

function run(args: readonly string[], script: string): Promise<{ code: number | null; errors: string }> {
  return new Promise((resolve, reject) => {
    // A user's PATH often lacks the directories of nft.
    const { PATH = '', ...others } = process.env
    const env = { ...others, LC_ALL: 'C', PATH: `${PATH}:/usr/sbin:/sbin` }
    const child = spawn('nft', args, { stdio: ['pipe', 'ignore', 'pipe'], env })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(0, 4096)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = new EnvironmentError(
        '--egress kernel needs nft: install the package nftables, or use --egress tun',
      )
      reject(error.code === 'ENOENT' ? missing : error)
    })
    child.on('close', (code) => resolve({ code, errors }))
    child.stdin.on('error', () => {}) // It went away early: its exit code says why.
    child.stdin.end(script)
  })
}
