import type { HostPort } from '@millrace/layer-wireguard'
import { readSocksAddress } from './socks-address.ts'
import { SOCKS_REPLY, socksReply } from './socks-reply.ts'
import type { Users } from './users.ts'

/** RFC 1928 §4. BIND (2) is not among what is done here. */
type SocksCommand = 'connect' | 'associate'

export interface SocksRequest {
  readonly command: SocksCommand
  readonly to: HostPort
  /** What the client has sent behind it already. */
  readonly rest: Buffer
}

/** What a step of the handshake comes to. */
export interface SocksStep {
  /** To be sent, maybe nothing. */
  readonly answer: Buffer
  /** `more`: there is more to come; `failed`: the client is to be let go when it has the answer. */
  readonly outcome: 'more' | 'failed' | SocksRequest
}

const VERSION = 5
const AUTHENTICATION_VERSION = 1
const NO_AUTHENTICATION = 0
const PASSWORD = 2
const NO_METHOD = 0xff
const COMMANDS: Readonly<Record<number, SocksCommand>> = { 1: 'connect', 3: 'associate' }

/** One message read, and what is to be done then. */
interface Message {
  readonly end: number
  readonly answer?: Buffer
  readonly outcome?: 'failed' | Omit<SocksRequest, 'rest'>
}

/**
 * The server's side of SOCKS 5 up to the request (RFC 1928, RFC 1929), as a state machine over bytes in pieces of any
 * size. It holds at most the beginning of one message, 515 bytes, besides what it is given.
 *
 * Our own because the libraries for Node 20 that are kept up connect by TCP only and by `net.connect` only.
 */
export class SocksHandshake {
  readonly #users: Users | undefined
  #held: Buffer = Buffer.alloc(0)
  #read: (bytes: Buffer) => Message | undefined

  /** Without users everybody is let in. */
  constructor(users?: Users) {
    this.#users = users
    this.#read = this.#greeting
  }

  /** Takes what the client has sent; not to be called again when the outcome is not `more`. */
  push(bytes: Uint8Array): SocksStep {
    let held = Buffer.concat([this.#held, bytes])
    const answers: Buffer[] = []
    for (let message = this.#read(held); message !== undefined; message = this.#read(held)) {
      const { end, answer, outcome } = message
      held = held.subarray(end)
      if (answer !== undefined) answers.push(answer)
      if (outcome !== undefined) {
        return { answer: Buffer.concat(answers), outcome: outcome === 'failed' ? outcome : { ...outcome, rest: held } }
      }
    }
    this.#held = held
    return { answer: Buffer.concat(answers), outcome: 'more' }
  }

  /** VER, NMETHODS, METHODS. */
  #greeting(bytes: Buffer): Message | undefined {
    const [version, count] = bytes
    if (version === undefined) return undefined
    // Another protocol: no answer of ours would mean anything to it.
    if (version !== VERSION) return { end: 0, outcome: 'failed' }
    if (count === undefined || bytes.length < count + 2) return undefined
    const end = count + 2
    const method = this.#users === undefined ? NO_AUTHENTICATION : PASSWORD
    if (!bytes.subarray(2, end).includes(method)) {
      return { end, answer: Buffer.of(VERSION, NO_METHOD), outcome: 'failed' }
    }
    this.#read = this.#users === undefined ? this.#request : this.#authentication
    return { end, answer: Buffer.of(VERSION, method) }
  }

  /** VER, ULEN, UNAME, PLEN, PASSWD. */
  #authentication(bytes: Buffer): Message | undefined {
    const [version, nameLength] = bytes
    if (version === undefined) return undefined
    if (version !== AUTHENTICATION_VERSION) return { end: 0, outcome: 'failed' }
    if (nameLength === undefined) return undefined
    const passwordLength = bytes[2 + nameLength]
    const start = 3 + nameLength
    if (passwordLength === undefined || bytes.length < start + passwordLength) return undefined
    const end = start + passwordLength
    const isKnown = this.#users?.accepts(bytes.subarray(2, 2 + nameLength), bytes.subarray(start, end)) === true
    this.#read = this.#request
    const answer = Buffer.of(AUTHENTICATION_VERSION, isKnown ? 0 : 1)
    return isKnown ? { end, answer } : { end, answer, outcome: 'failed' }
  }

  /** VER, CMD, RSV, then the address. */
  #request(bytes: Buffer): Message | undefined {
    const [version, number] = bytes
    if (version === undefined) return undefined
    if (version !== VERSION) return { end: 0, outcome: 'failed' }
    if (number === undefined || bytes.length < 4) return undefined
    const address = readSocksAddress(bytes, 3)
    if (address === 'incomplete') return undefined
    if (address === 'unsupported') {
      return { end: 4, answer: socksReply(SOCKS_REPLY.addressNotSupported), outcome: 'failed' }
    }
    const { to, end } = address
    const command = COMMANDS[number]
    if (command === undefined) {
      return { end, answer: socksReply(SOCKS_REPLY.commandNotSupported), outcome: 'failed' }
    }
    return { end, outcome: { command, to } }
  }
}
