import { writeAddress } from '../ip/socket-pair.ts'
import { Flow } from '../table/flow-table.ts'
import { Contacts } from './contacts.ts'

/** Words of a flow's key: peer, client address (4), version in the high half and client port in the low. */
export const CLIENT_WORDS = 6

/** One client address and port, and whom it has sent to. */
export class UdpFlow extends Flow {
  /** Only port 53 so far. */
  isDns = true
  /** Of the way to the client. */
  mtu = 0
  readonly contacts: Contacts

  constructor(index: number, key: Int32Array, contacts: number) {
    super(index, key)
    this.contacts = new Contacts(contacts)
  }

  get version(): 4 | 6 {
    return (this.key[5] as number) >>> 16 === 4 ? 4 : 6
  }

  get port(): number {
    return (this.key[5] as number) & 0xffff
  }

  /** Sets `key` to what goes from `address` and `port` to the client; false if the families differ. */
  writeKey(key: Int32Array, address: Uint8Array, port: number): boolean {
    if (address.length !== (this.version === 4 ? 4 : 16)) return false
    writeAddress(key, 0, address)
    for (let i = 0; i < 4; i++) key[4 + i] = this.key[1 + i] as number
    key[8] = (port << 16) | this.port
    return true
  }
}
