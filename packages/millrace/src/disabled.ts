import { type Binding, bind, ConfigurationError } from '@millrace/core'
import type { TunOptions } from '@millrace/layer-tun'
import type { UdpOptions } from '@millrace/layer-udp'
import { CRYPTO, chooseFrom } from '@millrace/layer-wireguard'

/** What a machine can do and a gateway can do without, for a kernel or an OpenSSL that turns out to be at fault. */
const FEATURES = {
  'tun-tcp': 'TCP segmentation offload of the TUN device',
  'tun-udp': 'UDP segmentation offload of the TUN device',
  'udp-send': 'UDP_SEGMENT, many datagrams in one send',
  'udp-receive': 'UDP_GRO, many datagrams in one receive',
  'udp-native': 'system calls for UDP: node:dgram takes their place',
  openssl: "OpenSSL's functions: Node's own interface takes their place",
} as const

export type Feature = keyof typeof FEATURES

/** The features that are not to be used. */
export class Disabled {
  readonly #features: ReadonlySet<Feature>

  constructor(features: readonly Feature[] = []) {
    this.#features = new Set(features)
  }

  /** Names separated by commas. Throws a ConfigurationError. */
  static parse(text: string, what: string): Disabled {
    const names = text.split(',').filter((name) => name !== '')
    for (const name of names) {
      if (!Object.hasOwn(FEATURES, name)) {
        const known = Object.keys(FEATURES).join(', ')
        throw new ConfigurationError(`${what}: expected names out of ${known}, got ${JSON.stringify(name)}`)
      }
    }
    return new Disabled(names as Feature[])
  }

  get udp(): Pick<UdpOptions, 'native' | 'offload'> {
    const offload = { send: !this.#has('udp-send'), receive: !this.#has('udp-receive') }
    return this.#has('udp-native') ? { native: false, offload } : { offload }
  }

  get tun(): Pick<TunOptions, 'offload'> {
    return { offload: { tcp: !this.#has('tun-tcp'), udp: !this.#has('tun-udp') } }
  }

  /** For the runtime. */
  get bindings(): readonly Binding[] {
    return this.#has('openssl') ? [bind(CRYPTO, chooseFrom(undefined))] : []
  }

  #has(feature: Feature): boolean {
    return this.#features.has(feature)
  }
}

/** A line for each, for a help text. */
export function describeFeatures(): string {
  return Object.entries(FEATURES)
    .map(([name, what]) => `  ${name.padEnd(11)}  ${what}`)
    .join('\n')
}
