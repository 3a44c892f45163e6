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
again takes the place of the remembered one. It needs root (CAP_NET_ADMIN), and
for --egress kernel the program nft. Ctrl-C or SIGTERM ends it and puts
everything back as it was.

Egress:
  kernel  Clients leave from the host's own address, by nftables masquerade in
          a table named millrace.
  tun     Clients leave from --egress-ip, by NAT in this process. The address
          is theirs alone: routed to this host or on its network, and held by
          no interface. The host answers ARP for it.

Clients reach the Internet and private networks over the outer interface. They
do not reach each other, loopback, link-local addresses (cloud metadata) and
multicast, and nothing by IPv6: refused here, it does not leak past the tunnel.

What --disable takes, separated by commas, where this machine is at fault:
${describeFeatures()}

Examples:
  sudo millrace gateway --public vpn.example.org
  sudo millrace gateway --egress-ip 203.0.113.7
  sudo millrace gateway --log 1        one line for each packet
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
    .option(
      '--egress <mode>',
      'tun or kernel, see below (default: tun with --egress-ip, else kernel)',
      parseFlag.egress,
    )
    .option(
      '--egress-ip <ip>',
      'the static IPv4 address from which clients leave, for --egress tun',
      parseFlag.egressIp,
    )
    .option('--subnet <cidr>', 'IPv4 network of the tunnel, /8 to /30 (default: 10.7.0.0/24)', parseFlag.subnet)
    .option('--interface <name>', 'name of the TUN interface (default: millrace0)', parseFlag.interface)
    .option(
      '--outer <name>',
      'interface to the outside, or auto (default: the one that leads to the egress address or the Internet)',
      parseFlag.outer,
    )
    .option(
      '--dns <ip,...>',
      'resolvers in the configurations of clients, or none (default: none, clients keep their own)',
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
