import type { Command } from 'commander'
import { type ProxyFlags, parseProxyFlag } from '../../proxy/plan.ts'

export interface ProxyCommandOptions extends ProxyFlags {
  readonly json?: true
}

const NOTES = `
FILE is a configuration as wg-quick and WireGuard's apps have it. Nothing of
this machine is changed and no privileges are needed: the tunnel is this
program's own, and only what comes to the places below goes through it. What
its AllowedIPs do not contain cannot be reached. Names are looked up through
the tunnel, at the DNS of the configuration, and never outside, but for that of
a peer's own Endpoint.

LOCAL and REMOTE are HOST:PORT or [IPV6]:PORT. PORT alone is, where this
machine listens or is connected to, on 127.0.0.1; inside the tunnel, at all
addresses of this end. Port 0 to listen on is any that is free. --forward and
--expose may be given several times, with udp: in front for UDP.

Whoever reaches the SOCKS5 or HTTP proxy uses the tunnel. On an address that
is not loopback they are opened with --auth, whose passwords travel in the
clear up to here, or with --open, for everybody.

Examples:
  millrace proxy client.conf --socks5 1080 --http 8080
  curl --socks5-hostname 127.0.0.1:1080 https://example.org/
  millrace proxy client.conf --forward 8080=10.7.0.5:80
  millrace proxy client.conf --forward udp:5353=10.7.0.1:53
  millrace proxy client.conf --expose 80=127.0.0.1:3000
`

export function addProxyCommand(program: Command): void {
  program
    .command('proxy')
    .summary('a SOCKS5 and HTTP proxy, and ports, through a tunnel; without root')
    .description(
      'Lets programs of this machine use a WireGuard tunnel by a proxy or single ports, until it is stopped.',
    )
    .argument('<file>', 'configuration of the tunnel')
    .option('--socks5 <[address:]port>', 'SOCKS5 proxy: TCP and UDP', parseProxyFlag.socks5)
    .option('--http <[address:]port>', 'HTTP proxy', parseProxyFlag.http)
    .option('--forward <local=remote>', 'listen here, connect inside the tunnel', parseProxyFlag.forward)
    .option('--expose <remote=local>', 'listen inside the tunnel, connect here', parseProxyFlag.expose)
    .option('--auth <file>', 'lines of NAME:PASSWORD to ask for, at SOCKS5 and HTTP', parseProxyFlag.auth)
    .option('--open', 'let other machines use SOCKS5 and HTTP without a password')
    .option('--json', 'one JSON object on standard output when up, and JSON lines as log on standard error')
    .addHelpText('after', NOTES)
    .action(async (file: string, options: ProxyCommandOptions) => {
      // Only here: the other commands do without a tunnel, and start sooner.
      const { startProxy } = await import('../start-proxy.ts')
      await startProxy(file, options)
    })
}
