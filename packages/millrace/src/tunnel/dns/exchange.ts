import { once } from 'node:events'
import type { Clock } from '@millrace/core'
import type { NetstackEndpoint } from '@millrace/layer-netstack'
import { encodeQuestion, type Question, type Reply, readReply } from './message.ts'

const DNS_PORT = 53

/** How a question reaches a name server. */
export interface ExchangeOptions {
  readonly host: NetstackEndpoint
  readonly clock: Clock
  /** Milliseconds, by UDP and by TCP each. */
  readonly timeout: number
}

/** Asks one name server, by UDP and, if the answer does not fit, by TCP (RFC 7766 §5). Rejects when there is no answer. */
export async function exchange(
  server: string,
  id: number,
  question: Question,
  { host, clock, timeout }: ExchangeOptions,
): Promise<Reply> {
  const reply = await within(clock, timeout, (signal) => byUdp(host, server, id, question, signal))
  if (reply.kind !== 'truncated') return reply
  return within(clock, timeout, (signal) => byTcp(host, server, id, question, signal))
}

/** From a port of its own: who would forge an answer has to guess it, and the identifier (RFC 5452 §9.2). */
async function byUdp(
  host: NetstackEndpoint,
  server: string,
  id: number,
  question: Question,
  signal: AbortSignal,
): Promise<Reply> {
  // Every failure ends up in one of the promises below; a second one is of no more interest.
  const socket = host.createSocket().on('error', () => {})
  try {
    socket.connect(DNS_PORT, server)
    await once(socket, 'connect', { signal })
    const reply = new Promise<Reply>((resolve, reject) => {
      // What is no answer to this is left aside: the true one may still come.
      socket.on('message', (bytes) => {
        const read = readReply(bytes, id, question)
        if (read !== undefined) resolve(read)
      })
      socket.once('error', reject)
      signal.addEventListener('abort', () => reject(signal.reason))
    })
    socket.send(encodeQuestion(id, question))
    return await reply
  } finally {
    socket.close()
  }
}

async function byTcp(
  host: NetstackEndpoint,
  server: string,
  id: number,
  question: Question,
  signal: AbortSignal,
): Promise<Reply> {
  const socket = host.dial({ address: server, port: DNS_PORT }, { signal })
  const message = encodeQuestion(id, question)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  socket.write(Buffer.concat([length, message]))
  let received = Buffer.alloc(0)
  try {
    for await (const piece of socket) {
      received = Buffer.concat([received, piece])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) continue
      const reply = readReply(received.subarray(2, 2 + received.readUInt16BE()), id, question)
      if (reply !== undefined && reply.kind !== 'truncated') return reply
      break
    }
  } finally {
    socket.destroy()
  }
  throw new Error(`no answer by TCP from ${server}`)
}

async function within<T>(clock: Clock, timeout: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const timer = clock.setTimer(timeout, () => abort.abort(new Error(`no answer within ${timeout} ms`)))
  try {
    return await work(abort.signal)
  } finally {
    timer.cancel()
  }
}
