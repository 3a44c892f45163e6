import { execFileSync } from 'node:child_process'

/** A network namespace with `eth0` (192.0.2.1/24, its other end in `NAME-out`, 192.0.2.9/24) and a default route. */
export class TestNamespace {
  readonly name: string

  constructor(label: string) {
    this.name = `mr-${label}-${process.pid}`
    const out = `${this.name}-out`
    for (const name of [this.name, out]) ip('netns', 'add', name)
    ip('link', 'add', 'eth0', 'netns', this.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', out)
    ip('-n', this.name, 'addr', 'add', '192.0.2.1/24', 'dev', 'eth0')
    ip('-n', out, 'addr', 'add', '192.0.2.9/24', 'dev', 'eth0')
    for (const name of [this.name, out]) {
      ip('-n', name, 'link', 'set', 'lo', 'up')
      // Without IPv6 addresses, which the kernel would go on changing for a second.
      ip('-n', name, 'link', 'set', 'eth0', 'addrgenmode', 'none')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
    }
    ip('-n', this.name, 'route', 'add', 'default', 'via', '192.0.2.9')
  }

  /** Runs a program in the namespace and returns what it prints. */
  run(program: string, ...args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, program, ...args], { encoding: 'utf8', stdio: 'pipe' })
  }

  /** All that a gateway may change: interfaces, routes, proxy neighbours, forwarding and rules. */
  snapshot(): string {
    return [
      this.run('ip', '-brief', 'address'),
      this.run('ip', 'route', 'show', 'table', 'all'),
      this.run('ip', 'neighbour', 'show', 'proxy'),
      this.run('sysctl', 'net.ipv4.conf.eth0.forwarding', 'net.ipv4.ip_forward'),
      this.run('nft', 'list', 'ruleset'),
    ].join('\n')
  }

  remove(): void {
    for (const name of [this.name, `${this.name}-out`]) ip('netns', 'delete', name)
  }
}

/** Whether this machine has all that the namespaces and a gateway in them need. */
export function canTestGateway(): boolean {
  try {
    execFileSync('nft', ['--version'], { stdio: 'ignore' })
    new TestNamespace('probe').remove()
    return true
  } catch {
    return false
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}
