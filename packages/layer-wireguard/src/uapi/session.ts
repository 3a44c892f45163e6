import { type Logger, silentLogger } from '@millrace/core'
import { EINVAL, EIO, EPROTO, errnoOf, UapiError } from './errno.ts'
import { describeDevice } from './get-operation.ts'
import { OperationParser, type UapiOperation, type UapiStep } from './operation-parser.ts'
import { SetOperation } from './set-operation.ts'
import type { UapiTarget } from './target.ts'

export interface UapiSessionOptions {
  readonly target: UapiTarget
  /** Takes a piece of an answer, wipes it when it is sent, and says whether there is anyone to send more to. */
  readonly send: (piece: Uint8Array) => Promise<boolean>
  readonly logger?: Logger
}

/**
 * One conversation in the configuration protocol, without a socket. A failed operation is read on to its end, so that
 * the next one can follow; its answer is `errno=N`, for `set` negative and for `get` positive: the signs that the two
 * parsers of `wg` understand.
 */
export class UapiSession {
  readonly #target: UapiTarget
  readonly #send: (piece: Uint8Array) => Promise<boolean>
  readonly #logger: Logger
  readonly #parser: OperationParser = new OperationParser()
  /** Undefined within a `get`. */
  #set: SetOperation | undefined
  #errno = 0

  constructor({ target, send, logger = silentLogger }: UapiSessionOptions) {
    this.#target = target
    this.#send = send
    this.#logger = logger
  }

  /** Takes the next bytes; the next call may only come when this one is done. False: the conversation is over. */
  async receive(chunk: Uint8Array): Promise<boolean> {
    for (const step of this.#parser.parse(chunk)) {
      if (step.type === 'stray') {
        await this.#answer(step.operation, EPROTO)
        return false
      }
      if (step.type === 'end') {
        if (!(await this.#end())) return false
      } else {
        const pending = this.#take(step)
        if (pending !== undefined) await pending
      }
    }
    return true
  }

  /** The client sends no more. A line or operation that it left unfinished is answered with EPROTO. */
  async finish(): Promise<void> {
    if (this.#parser.isUnfinished) await this.#answer(this.#operation, this.#errno || EPROTO)
    this.close()
  }

  /** Wipes what was kept of an unfinished line. */
  close(): void {
    this.#parser.clear()
  }

  get #operation(): UapiOperation {
    return this.#set === undefined ? 'get' : 'set'
  }

  /** Returns a promise only where the target does: lines come by the hundred thousand. */
  #take(step: Exclude<UapiStep, { type: 'stray' | 'end' }>): Promise<void> | undefined {
    if (step.type === 'begin') {
      this.#set = step.operation === 'set' ? new SetOperation(this.#target) : undefined
      this.#errno = 0
      return undefined
    }
    if (this.#errno !== 0) return undefined
    try {
      if (step.type === 'malformed') throw new UapiError(EPROTO, 'expected key=value')
      if (this.#set === undefined) throw new UapiError(EINVAL, 'expected an empty line after get=1')
      const pending = this.#set.pair(step.key, step.value)
      return pending instanceof Promise ? pending.catch((error: unknown) => this.#refuse(error)) : undefined
    } catch (error) {
      this.#refuse(error)
      return undefined
    }
  }

  async #end(): Promise<boolean> {
    try {
      if (this.#errno === 0) this.#set?.end()
    } catch (error) {
      this.#refuse(error)
    }
    if (this.#set === undefined && this.#errno === 0) {
      try {
        for (const piece of describeDevice(this.#target)) if (!(await this.#send(piece))) return false
      } catch (error) {
        this.#refuse(error)
      }
    }
    const answered = await this.#answer(this.#operation, this.#errno)
    this.#set = undefined
    this.#errno = 0
    return answered
  }

  #answer(operation: UapiOperation, errno: number): Promise<boolean> {
    return this.#send(Buffer.from(`errno=${operation === 'set' && errno !== 0 ? '-' : ''}${errno}\n\n`))
  }

  #refuse(error: unknown): void {
    this.#errno = errnoOf(error)
    const fields = { operation: this.#operation, errno: this.#errno, err: error }
    if (this.#errno === EIO) this.#logger.error(fields, 'uapi operation failed')
    else this.#logger.warn(fields, 'uapi operation refused')
  }
}
