import { MemoryTarget } from '../uapi/testing/memory-target.ts'
import { converse } from '../uapi/testing/session-runner.ts'

const keys = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [string, string, string]
/** Keys, as hex. */
export const [a, b, c]: [string, string, string] = keys
/** What takes a key away. */
export const none: string = '0'.repeat(64)

/** A device with peers a and b. */
export async function withPeers(): Promise<MemoryTarget> {
  const target = new MemoryTarget()
  const script = [
    `private_key=${c}`,
    'listen_port=51820',
    'fwmark=4294967295',
    `public_key=${a}`,
    `preshared_key=${b}`,
    'endpoint=192.0.2.1:1',
    'persistent_keepalive_interval=25',
    'allowed_ip=10.0.0.0/8',
    'allowed_ip=10.1.2.3/32',
    'protocol_version=1',
    `public_key=${b}`,
    'endpoint=[2001:db8::1]:65535',
    'allowed_ip=fd00::/64',
  ]
  const answer = await converse(target, [set(...script)])
  if (answer !== 'errno=0\n\n') throw new Error(`the device of the test cannot be made: ${answer}`)
  return target
}

/** A set operation. */
export const set = (...lines: readonly string[]): string => `${['set=1', ...lines, ''].join('\n')}\n`
