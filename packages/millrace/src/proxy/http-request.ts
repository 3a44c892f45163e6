import { type ClientRequest, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { failureOf, type HttpFailure } from './http-failure.ts'
import { endToEnd } from './http-fields.ts'
import type { HttpTarget } from './http-target.ts'
import type { Connection } from './network.ts'

export interface Passage {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: HttpTarget
  /** A connection to the target. */
  readonly other: Connection
  /** Answers instead of the target; only before the answer has begun. */
  readonly refuse: (failure: HttpFailure) => void
}

/**
 * Passes a request on to its target, and the answer back, each at the pace of its reader. An answer that breaks off breaks
 * off for the client, too. Throws when the request cannot be passed on.
 */
export function passOn(passage: Passage): void {
  const { request, response, target, other, refuse } = passage
  const outgoing = openOutgoing(passage)
  let isSettled = false
  const fail = (error: unknown): void => {
    if (isSettled) return
    isSettled = true
    other.destroy()
    refuse(failureOf(error, target.to))
  }
  outgoing.on('error', fail)
  outgoing.once('close', () => {
    // It has ended, or gone over to another protocol, without a word.
    fail(new Error('no answer'))
    // What nobody takes any more would stand in the way of the next request.
    request.unpipe(outgoing)
    request.resume()
  })
  outgoing.once('response', (answer) => {
    if (isSettled) return
    try {
      response.sendDate = false
      const fields = [...endToEnd(answer.rawHeaders), 'Via', via(answer)]
      response.writeHead(answer.statusCode as number, answer.statusMessage, fields)
    } catch (error) {
      fail(error)
      return
    }
    isSettled = true
    response.write(NOTHING)
    pipeline(answer, response, (error) => {
      if (error) other.destroy()
    })
  })
  response.once('close', () => {
    if (!response.writableFinished) other.destroy()
  })
  // Sends the head at once: the body may wait for what is said to it. (`flushHeaders` would write it in UTF-8.)
  outgoing.write(NOTHING)
  request.pipe(outgoing)
}

const NOTHING = new Uint8Array(0)

/** Methods whose requests have no body unless they say so (RFC 9110 §8.6). */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** What a proxy has to add (RFC 9110 §7.6.3). */
function via({ httpVersion }: IncomingMessage): string {
  return `${httpVersion} millrace`
}

function openOutgoing({ request, target, other }: Passage): ClientRequest {
  if (other.destroyed) throw new Error('gone already')
  // Node has told the client to go on already if it waited for that.
  const fields = endToEnd(request.rawHeaders, ['host', 'expect'])
  return openRequest({
    createConnection: () => other,
    method: request.method,
    path: target.path,
    setHost: false,
    insecureHTTPParser: false,
    headers: [
      ...['Host', target.authority],
      ...fields,
      ...['Via', via(request), 'Connection', 'close'],
      ...framing(request),
    ],
  })
}

/** How long the body is, where Node would take something else for granted. */
function framing({ method, headers }: IncomingMessage): readonly string[] {
  if (headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked']
  const isEmpty = headers['content-length'] === undefined
  return isEmpty && !WITHOUT_BODY.has(method ?? '') ? ['Content-Length', '0'] : []
}
