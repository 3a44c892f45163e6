import { type Binding, bind, ConfigurationError } from '@millrace/core'
import type { SocketsOptions } from '@millrace/layer-netstack'
import type { TunOptions } from '@millrace/layer-tun'
import type { UdpOptions } from '@millrace/layer-udp'
import { CRYPTO, chooseFrom } from '@millrace/layer-wireguard'
import { type Feature, featuresIn } from './features.ts'

/** The features that are not to be used. */
export class Disabled {
  readonly #features: ReadonlySet<Feature>

  constructor(features: readonly Feature[] = []) {
    this.#features = new Set(features)
  }

  /** Names separated by commas. Throws a ConfigurationError. */
  static parse(text: string, what: string): Disabled {
    const features = featuresIn(text)
    if ('wrong' in features) throw new ConfigurationError(`${what}: ${features.wrong}`)
    return new Disabled(features)
  }

  get udp(): Pick<UdpOptions, 'native' | 'offload'> {
    const offload = { send: !this.#has('udp-send'), receive: !this.#has('udp-receive') }
    return this.#has('udp-native') ? { native: false, offload } : { offload }
  }

  /** For `sockets()`. */
  get tcp(): Pick<NonNullable<SocketsOptions['tcp']>, 'native'> {
    return this.#has('tcp-native') ? { native: false } : {}
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
