import { Errno } from '../errno.ts'
import { AF_NETLINK, MSG_DONTWAIT, MSG_TRUNC, POLLIN, SOCK_CLOEXEC, SOCK_RAW } from '../linux.ts'
import type { SystemCalls } from '../system-calls.ts'
import {
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  SOL_NETLINK,
} from './constants.ts'
import { NetlinkError } from './errors.ts'
import { Attributes, decodeMessages, encodeMessage, i32At, type Message, u32At } from './wire.ts'

/** The kernel sends at most 32 KiB at once in a dump. */
const RECEIVE_SIZE = 65_536
/** Messages of one answer, at most: the routing table of a host, not of the whole Internet's core. */
const MAXIMUM_MESSAGES = 262_144
/** Milliseconds. The kernel answers at once; this is for when it does not. */
const PATIENCE = 5000
const SEQUENCE = 1
const DUMP_TRIES = 8

export interface Request {
  readonly type: number
  /** Beyond NLM_F_REQUEST and NLM_F_ACK, which every request has. */
  readonly flags: number
  readonly body: Uint8Array
}

/**
 * Sends one request and returns what the kernel answers until it says done; throws a {@link NetlinkError} with `what`
 * if it refuses. Each exchange has a socket of its own, in the network namespace of this thread: nothing to keep open,
 * and no answer to an earlier question can be left in it. It blocks this thread for some microseconds.
 */
export function exchange(system: SystemCalls, request: Request, what: string): Message[] {
  for (let attempt = 1; ; attempt++) {
    const fd = system.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
    if (fd < 0) throw new NetlinkError(what, fd)
    try {
      const answer = new Conversation(system, fd, what).run(request)
      if (answer !== 'interrupted') return answer
    } finally {
      system.close(fd)
    }
    if (attempt === DUMP_TRIES) throw new NetlinkError(what, 'EINTR')
  }
}

class Conversation {
  readonly #system: SystemCalls
  readonly #fd: number
  readonly #what: string
  readonly #buffer = new Uint8Array(RECEIVE_SIZE)
  readonly #messages: Message[] = []
  #interrupted = false

  constructor(system: SystemCalls, fd: number, what: string) {
    this.#system = system
    this.#fd = fd
    this.#what = what
  }

  run({ type, flags, body }: Request): Message[] | 'interrupted' {
    const system = this.#system
    // Explanations in words, without our own request sent back. Older kernels lack them: no matter.
    const one = new Uint8Array(4)
    one[0] = 1
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK]) {
      system.setsockopt(this.#fd, SOL_NETLINK, option, system.addressOf(one), one.length)
    }
    // A dump ends with NLMSG_DONE by itself; everything else is asked to end with an acknowledgement.
    const always = flags === NLM_F_DUMP ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_ACK
    const bytes = encodeMessage(type, flags | always, SEQUENCE, body)
    this.#check(system.sendto(this.#fd, system.addressOf(bytes), bytes.length, 0, 0, 0))
    while (!this.#receive());
    return this.#interrupted ? 'interrupted' : this.#messages
  }

  /** Takes in one datagram; true when it was the last. */
  #receive(): boolean {
    const system = this.#system
    this.#awaitAnswer()
    const size = system.recv(this.#fd, system.addressOf(this.#buffer), RECEIVE_SIZE, MSG_DONTWAIT | MSG_TRUNC)
    if (size === -Errno.EAGAIN || size === -Errno.EINTR) return false
    this.#check(size)
    if (size > RECEIVE_SIZE) throw new NetlinkError(this.#what, 'EMSGSIZE')
    const messages = decodeMessages(this.#buffer.slice(0, size)).filter(({ sequence }) => sequence === SEQUENCE)
    for (const message of messages) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) this.#interrupted = true
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
        this.#conclude(message)
        return true
      }
      this.#messages.push(message)
      if (this.#messages.length > MAXIMUM_MESSAGES) throw new NetlinkError(this.#what, 'EMSGSIZE')
    }
    return false
  }

  #awaitAnswer(): void {
    const system = this.#system
    const pollfd = new Uint8Array(8)
    const view = new DataView(pollfd.buffer)
    view.setInt32(0, this.#fd, true)
    view.setInt16(4, POLLIN, true)
    const ready = system.poll(system.addressOf(pollfd), 1, PATIENCE)
    if (ready === 0) throw new NetlinkError(this.#what, 'ETIMEDOUT')
    if (ready !== -Errno.EINTR) this.#check(ready)
  }

  /** struct nlmsgerr, or the result at the end of a dump: 0, or a negated errno and perhaps the kernel's explanation. */
  #conclude({ type, flags, body }: Message): void {
    const error = body.length < 4 ? 0 : i32At(body, 0)
    if (error >= 0) return
    let attributes = 4
    if (type === NLMSG_ERROR) {
      const echoed = (flags & NLM_F_CAPPED) !== 0 || body.length < 20 ? 16 : u32At(body, 4)
      attributes += (echoed + 3) & ~3
    }
    const explained = (flags & NLM_F_ACK_TLVS) !== 0 && attributes <= body.length
    const detail = explained ? new Attributes(body.subarray(attributes)).text(NLMSGERR_ATTR_MSG) : undefined
    throw new NetlinkError(this.#what, error, detail)
  }

  #check(result: number): void {
    if (result < 0) throw new NetlinkError(this.#what, result)
  }
}
