import { STATUS_CODES } from 'node:http'
import type { HostPort } from '@millrace/layer-wireguard'
import { codeOf } from './dial.ts'

/** An answer of the proxy itself: a status and a line of text. */
export interface HttpFailure {
  readonly status: number
  readonly text: string
  readonly fields?: readonly string[]
}

const LATE = new Set(['ETIMEDOUT', 'EAI_AGAIN'])

/** What a client is told when there is no way to what it asks for (RFC 9110 §15.6.3, §15.6.5). */
export function failureOf(error: unknown, { host, port }: HostPort): HttpFailure {
  const code = codeOf(error)
  const why = code ?? 'failed'
  return { status: code !== undefined && LATE.has(code) ? 504 : 502, text: `cannot reach ${host} port ${port}: ${why}` }
}

export const PASSWORD_REQUIRED: HttpFailure = {
  status: 407,
  text: 'a name and a password are needed',
  fields: ['Proxy-Authenticate', 'Basic realm="millrace", charset="UTF-8"'],
}

/** Of a failure: the fields and the body. The connection ends with it, whatever else was on its way. */
export function failureMessage({ text, fields = [] }: HttpFailure): { fields: string[]; body: string } {
  const body = `millrace: ${text}\n`
  const length = String(Buffer.byteLength(body))
  const own = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', length, 'Connection', 'close']
  return { fields: [...fields, ...own], body }
}

/** The same as bytes, where there is no response of `node:http` to write. */
export function failureBytes(failure: HttpFailure): string {
  const { fields, body } = failureMessage(failure)
  const lines = fields.reduce((text, field, i) => text + (i % 2 === 0 ? `${field}: ` : `${field}\r\n`), '')
  return `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}\r\n${lines}\r\n${body}`
}
