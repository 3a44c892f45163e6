import { writeAddressBytes } from '../ip/socket-pair.ts'
import type { UdpRemote } from './listener.ts'

class Remote implements UdpRemote {
  readonly version: 4 | 6
  readonly address: Uint8Array
  port = 0

  constructor(version: 4 | 6) {
    this.version = version
    this.address = new Uint8Array(version === 4 ? 4 : 16)
  }
}

/** Shows an end in a key as a {@link UdpRemote}, each time the same object. */
export class RemoteView {
  readonly #remote4 = new Remote(4)
  readonly #remote6 = new Remote(6)

  /** The end whose address stands at `at` of `key`. */
  show(key: Int32Array, at: number, version: 4 | 6, port: number): UdpRemote {
    const remote = version === 4 ? this.#remote4 : this.#remote6
    writeAddressBytes(remote.address, key, at)
    remote.port = port
    return remote
  }
}
