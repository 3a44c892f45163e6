import type { HostAddress, HostRoute } from '@millrace/native'
import type { Host } from '../gateway/host.ts'

/** A machine in memory: `eth0` with 198.51.100.5/24 and the default route, forwarding off. `calls` tells what was done. */
export class MemoryMachine implements Host {
  mayConfigure = true
  hasTun = true
  identity = 'boot-1'
  readonly calls: string[] = []
  readonly interfaces: Set<string> = new Set(['lo', 'eth0'])
  readonly forwards: Set<string> = new Set()
  readonly proxies: Set<string> = new Set()
  held: HostAddress[] = [
    { index: 1, interfaceName: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8 },
    { index: 2, interfaceName: 'eth0', family: 4, address: '198.51.100.5', prefixLength: 24 },
  ]
  table: HostRoute[] = [
    {
      family: 4,
      destination: '0.0.0.0/0',
      gateway: '198.51.100.1',
      index: 2,
      interfaceName: 'eth0',
      table: 254,
      local: false,
    },
    { family: 4, destination: '198.51.100.0/24', index: 2, interfaceName: 'eth0', table: 254, local: false },
  ]
  /** What the next call of this name is to fail with. */
  failure: { readonly call: string; readonly error: Error } | undefined

  addresses(): readonly HostAddress[] {
    return this.held
  }

  routes(): readonly HostRoute[] {
    return this.table
  }

  routeTo(): HostRoute | undefined {
    return this.table[0]
  }

  hasInterface(name: string): boolean {
    return this.interfaces.has(name)
  }

  forwarding(name: string): boolean {
    return this.forwards.has(name)
  }

  setForwarding(name: string, on: boolean): void {
    this.#call(`forwarding ${name} ${on ? 'on' : 'off'}`)
    if (on) this.forwards.add(name)
    else this.forwards.delete(name)
  }

  answersFor(address: string, name: string): boolean {
    return this.proxies.has(`${address} ${name}`)
  }

  addProxyNeighbour(name: string, address: string): void {
    this.#call(`answer for ${address} on ${name}`)
    this.proxies.add(`${address} ${name}`)
  }

  deleteProxyNeighbour(name: string, address: string): void {
    this.#call(`no answer for ${address} on ${name}`)
    this.proxies.delete(`${address} ${name}`)
  }

  async nft(script: string, { check = false }: { readonly check?: boolean } = {}): Promise<void> {
    this.#call(`nft ${check ? 'check' : script.split(' ', 1)[0]}`)
  }

  #call(call: string): void {
    this.calls.push(call)
    if (this.failure?.call === call) throw this.failure.error
  }
}
