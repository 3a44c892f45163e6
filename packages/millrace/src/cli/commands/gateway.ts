import { type Command, Option } from 'commander'
import { describeFeatures } from '../../features.ts'
import { type GatewayFlags, parseFlag } from '../../gateway/flags.ts'
import { type OutputOptions, stateOption } from '../options.ts'

export interface GatewayOptions extends GatewayFlags, OutputOptions {
  readonly log: number
  readonly threads?: number
}

const NOTES = `
The first run makes keys and one client, client1, and prints its configuration
with a QR code. Later runs use what is in the state directory; an option given
again takes the place of the remembered one. Ctrl-C or SIGTERM ends it and puts
everything back as it was.

Egress:
  rootless  Clients' TCP, UDP and ping end here and leave again from ordinary
            sockets, bound to --egress-ip or else to the address with which
            this host goes out. Needs no privileges and changes nothing here.
  tun       Clients leave from --egress-ip, by NAT in this process. The address
            is theirs alone: routed to this host or on its network, and held by
            no interface. The host answers ARP for it. Needs root.
  kernel    Clients leave from the host's own address, by nftables masquerade
            in a table named millrace. Needs root, and the program nft.
  auto      tun if --egress-ip is an IPv4 address that no interface holds,
            else rootless.

Rootless, clients reach the Internet, but nothing private: no loopback, link-
local (cloud metadata), RFC 1918, CGNAT, ULA or multicast address, no address
of this host, and no mail servers (TCP port 25). --allow opens, --deny closes:
10.0.0.0/8, 192.0.2.1:5432, [fd00::1]:443, *:25, several separated by commas.
What is refused needs to be named as narrowly as it is refused: 0.0.0.0/0 opens
none of these. IPv6 leaves from an IPv6 address or not at all.

By tun and kernel clients reach the Internet and private networks over the
outer interface. They do not reach each other, loopback, link-local addresses
and multicast, and nothing by IPv6: refused here, it does not leak.

What --disable takes, separated by commas, where this machine is at fault:
${describeFeatures()}

Examples:
  millrace gateway --public vpn.example.org
  millrace gateway --egress-ip 203.0.113.7,2001:db8::7
  millrace gateway --log 1             one line for each packet
  sudo millrace gateway --egress kernel
`

export function addGatewayCommand(program: Command): void {
  program
    .command('gateway')
    .summary('run a WireGuard gateway whose clients leave from one static IP')
    .description('Runs a WireGuard gateway whose clients reach the world from one static IP, until it is stopped.')
    .addOption(stateOption())
    .option('--listen <port>', 'UDP port to listen on (default: 51820)', parseFlag.port)
    .option(
      '--public <host[:port]>',
      "where clients find the gateway, or auto (default: this host's address and the port listened on)",
      parseFlag.publicHost,
    )
    .option('--egress <mode>', 'rootless, tun, kernel or auto, see below (default: auto)', parseFlag.egress)
    .option(
      '--egress-ip <ip,...>',
      "the static addresses from which clients leave, or auto (default: this host's own)",
      parseFlag.egressIp,
    )
    .option('--allow <destination,...>', 'destinations to open, or none; for --egress rootless', parseFlag.allow)
    .option(
      '--resolver <ip[:port]>',
      "name server to answer clients with at the gateway's own address, or none (default: none); for --egress rootless",
      parseFlag.resolver,
    )
    .option('--deny <destination,...>', 'destinations to close, or none; for --egress rootless', parseFlag.deny)
    .option('--subnet <cidr>', 'IPv4 network of the tunnel, /8 to /30 (default: 10.7.0.0/24)', parseFlag.subnet)
    .option('--interface <name>', 'name of the TUN interface (default: millrace0)', parseFlag.interface)
    .option(
      '--outer <name>',
      'interface to the outside, or auto (default: the one that leads to the egress address or the Internet)',
      parseFlag.outer,
    )
    .option(
      '--dns <ip,...>',
      'resolvers in the configurations of clients, or none (default: the gateway if it has a --resolver; else none, clients keep their own)',
      parseFlag.dns,
    )
    .option('--log <sample>', 'log one packet in so many, with its addresses; 0 for none', parseFlag.sample, 0)
    .addOption(
      new Option('--disable <name,...>', 'leave what this machine can do unused, see below')
        .env('MILLRACE_DISABLE')
        .argParser(parseFlag.disable),
    )
    .option('--threads <n>', 'threads that encrypt and decrypt (default: 1)', parseFlag.threads)
    .option('--json', 'one JSON object on standard output when up, and JSON lines as log on standard error')
    .addHelpText('after', NOTES)
    .action(async (options: GatewayOptions) => {
      // Only here: the other commands do without all that a gateway needs, and start sooner.
      const { startGateway } = await import('../start-gateway.ts')
      await startGateway(options)
    })
}
