import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { missingForNamespaces } from './netns.ts'

const MILLRACE = fileURLToPath(new URL('../../packages/millrace/dist/cli/wg.js', import.meta.url))

/**
 * - `exits-early`: says that it is ready before its daemon is, which fails if the interface moves away at once.
 * - `keeps-lost-source`: goes on with a source address that the machine has lost, until the handshake is tried again.
 * - `answers-from-anywhere`: leaves the source address of its answers to the system.
 */
type Fault = 'exits-early' | 'keeps-lost-source' | 'answers-from-anywhere'

/** A userspace WireGuard that keeps to the process contract of wireguard-go: `PROGRAM IFACE` makes the interface. */
export interface WireguardProgram {
  readonly name: string
  readonly command: readonly string[]
  /** What this machine lacks to run it. */
  readonly missing: readonly string[]
  /** What it is known not to do as it should, and is given more time for. */
  readonly faults: readonly Fault[]
}

const wireguardGo: WireguardProgram = {
  name: 'wireguard-go',
  command: ['wireguard-go'],
  missing: missingForTools('wireguard-go'),
  // The second: it knows EINVAL, but newer kernels say ENETUNREACH for an IPv4 source that they do not have.
  faults: ['exits-early', 'keeps-lost-source'],
}

/** `MILLRACE_SCENARIO_PROGRAM` (a command, words separated by spaces) takes the place of millrace-wg. */
const underTest: WireguardProgram = programOf(process.env['MILLRACE_SCENARIO_PROGRAM'])

/** Every program that the scenarios run by itself. */
export const PROGRAMS: readonly WireguardProgram[] = [underTest, wireguardGo]

export interface Pairing {
  readonly first: WireguardProgram
  readonly second: WireguardProgram
}

/** By name. With MILLRACE_SCENARIO_PROGRAM=wireguard-go all are the control: what fails there is no fault of ours. */
export const PAIRINGS: readonly (readonly [string, Pairing])[] = [
  pairing(underTest, underTest),
  pairing(underTest, wireguardGo),
  pairing(wireguardGo, underTest),
]

function pairing(first: WireguardProgram, second: WireguardProgram): readonly [string, Pairing] {
  return [`${first.name} and ${second.name}`, { first, second }]
}

function programOf(command: string | undefined): WireguardProgram {
  if (command === wireguardGo.name) return wireguardGo
  if (command) return { name: command, command: command.split(' '), missing: missingForTools(), faults: [] }
  const built = existsSync(MILLRACE) ? [] : ['packages/millrace/dist/cli/wg.js, which is not built']
  const missing = [...missingForTools(), ...built]
  const portable = process.env['MILLRACE_DISABLE']?.split(',').includes('udp-native')
  return {
    name: 'millrace-wg',
    command: ['node', MILLRACE],
    missing,
    faults: portable ? ['answers-from-anywhere'] : [],
  }
}

function missingForTools(...programs: readonly string[]): readonly string[] {
  return missingForNamespaces('wg', 'ping', 'ss', 'nft', ...programs)
}
