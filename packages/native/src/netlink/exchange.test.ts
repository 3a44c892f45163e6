import { describe, expect, test } from 'vitest'
import type { SystemCalls } from '../system-calls.ts'
import { exchange } from './exchange.ts'
import { encodeMessage, Writer } from './wire.ts'

const NLM_F_MULTI = 2
const DUMP = 0x300

/** A kernel that answers with the given datagrams, whatever it is asked. Addresses are indexes into what it was shown. */
class ScriptedKernel implements Partial<SystemCalls> {
  readonly #shown: Uint8Array[] = []
  readonly #answers: (Uint8Array | number)[]
  opened = 0
  closed = 0

  constructor(answers: readonly (Uint8Array | number)[]) {
    this.#answers = [...answers]
  }

  addressOf(buffer: Uint8Array): number {
    return this.#shown.push(buffer) - 1
  }

  socket(): number {
    return 100 + this.opened++
  }

  close(): number {
    this.closed++
    return 0
  }

  setsockopt(): number {
    return 0
  }

  sendto(_fd: number, _address: number, size: number): number {
    return size
  }

  poll(): number {
    return this.#answers.length > 0 ? 1 : 0
  }

  recv(_fd: number, address: number): number {
    const answer = this.#answers.shift() as Uint8Array | number
    if (typeof answer === 'number') return answer
    this.#shown[address]?.set(answer.subarray(0, this.#shown[address].length))
    return answer.length
  }

  get calls(): SystemCalls {
    return this as unknown as SystemCalls
  }
}

const data = (value: number, flags = NLM_F_MULTI, sequence = 1): Uint8Array =>
  encodeMessage(16, flags, sequence, new Writer().u32(value).finish())
const done = (error = 0): Uint8Array => encodeMessage(3, NLM_F_MULTI, 1, new Writer().u32(error).finish())
const request = { type: 18, flags: DUMP, body: new Uint8Array(16) }

function valuesOf(kernel: ScriptedKernel): number[] {
  return exchange(kernel.calls, request, 'list').map(({ body }) => body[0] as number)
}

describe('exchange', () => {
  test('gathers a dump over several datagrams, up to done', () => {
    const kernel = new ScriptedKernel([Buffer.concat([data(1), data(2)]), data(3), Buffer.concat([data(4), done()])])
    expect(valuesOf(kernel)).toEqual([1, 2, 3, 4])
    expect(kernel.closed).toBe(kernel.opened)
  })

  test('passes over answers to other questions, EINTR and EAGAIN', () => {
    expect(valuesOf(new ScriptedKernel([data(9, NLM_F_MULTI, 7), -4, -11, data(1), done()]))).toEqual([1])
  })

  test('asks again when the tables changed meanwhile (NLM_F_DUMP_INTR), not for ever', () => {
    const interrupted = data(1, NLM_F_MULTI | 0x10)
    const kernel = new ScriptedKernel([interrupted, done(), data(2), done()])
    expect(valuesOf(kernel)).toEqual([2])
    expect(kernel.opened).toBe(2)
    const restless = new ScriptedKernel(Array.from({ length: 100 }, () => [interrupted, done()]).flat())
    expect(() => valuesOf(restless)).toThrow('cannot list: the tables kept changing while they were read (EINTR)')
    expect(restless.closed).toBe(restless.opened)
  })

  test('reports the error, and what the kernel says of it', () => {
    // struct nlmsgerr: error, then the header of the request (capped); then NLMSGERR_ATTR_MSG.
    const capped = new Writer().u32(-17).bytes(new Uint8Array(16))
    const plain = encodeMessage(2, 0x100, 1, capped.finish())
    expect(() => valuesOf(new ScriptedKernel([plain]))).toThrow('cannot list: it exists already (EEXIST)')
    const explained = encodeMessage(2, 0x300, 1, capped.attribute(1, 'Because.').finish())
    expect(() => valuesOf(new ScriptedKernel([explained]))).toThrow('it exists already (EEXIST: Because.)')
    // Not capped: the whole request of 32 bytes comes back before the attributes.
    const echoed = new Writer().u32(-17).u32(32).bytes(new Uint8Array(28)).attribute(1, 'Again.').finish()
    expect(() => valuesOf(new ScriptedKernel([encodeMessage(2, 0x200, 1, echoed)]))).toThrow('(EEXIST: Again.)')
  })

  test('an error at the end of a dump, and one of receiving, end it', () => {
    expect(() => valuesOf(new ScriptedKernel([data(1), done(-105)]))).toThrow('(ENOBUFS)')
    expect(() => valuesOf(new ScriptedKernel([data(1), -105]))).toThrow('(ENOBUFS)')
  })

  test('a kernel that falls silent, and a datagram larger than the buffer, end it', () => {
    const silent = new ScriptedKernel([data(1)])
    expect(() => valuesOf(silent)).toThrow('cannot list: the kernel did not answer (ETIMEDOUT)')
    expect(silent.closed).toBe(1)
    expect(() => valuesOf(new ScriptedKernel([new Uint8Array(70_000)]))).toThrow('(EMSGSIZE)')
  })
})
