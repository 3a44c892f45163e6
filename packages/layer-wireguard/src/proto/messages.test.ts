import { expect, test } from 'vitest'
import * as messages from './messages.ts'

// Fields in order, lengths in bytes, from the paper §5.4.2, §5.4.3, §5.4.7.
const INITIATION = { type: 4, sender: 4, ephemeral: 32, static: 48, timestamp: 28, mac1: 16, mac2: 16 }
const RESPONSE = { type: 4, sender: 4, receiver: 4, ephemeral: 32, empty: 16, mac1: 16, mac2: 16 }
const COOKIE_REPLY = { type: 4, receiver: 4, nonce: 24, cookie: 32 }

/** A message whose fields are filled with 1, 2, 3 …, and the bytes of each field. */
function numbered<F extends string>(fields: Record<F, number>): { message: Uint8Array; field: Record<F, Uint8Array> } {
  const entries = Object.entries(fields) as [F, number][]
  const parts = entries.map(([name, length], i) => [name, new Uint8Array(length).fill(i + 1)] as const)
  return {
    message: Uint8Array.from(Buffer.concat(parts.map(([, part]) => part))),
    field: Object.fromEntries(parts) as Record<F, Uint8Array>,
  }
}

test('lengths', () => {
  expect(numbered(INITIATION).message.length).toBe(messages.INITIATION_LENGTH)
  expect(numbered(RESPONSE).message.length).toBe(messages.RESPONSE_LENGTH)
  expect(numbered(COOKIE_REPLY).message.length).toBe(messages.COOKIE_REPLY_LENGTH)
  expect([148, 92, 64]).toEqual([messages.INITIATION_LENGTH, messages.RESPONSE_LENGTH, messages.COOKIE_REPLY_LENGTH])
  expect(messages.KEEPALIVE_LENGTH).toBe(32)
})

test('an initiation', () => {
  const { message, field } = numbered(INITIATION)
  const made = messages.writeInitiation(0x02020202, field.ephemeral, field.static, field.timestamp)
  const expected = Buffer.from(message).fill(0, 116)
  expected.writeUInt32LE(1)
  expect(expected.equals(made)).toBe(true)
  expect(messages.initiation.senderIndex(message)).toBe(0x02020202)
  expect(messages.initiation.ephemeral(message)).toEqual(field.ephemeral)
  expect(messages.initiation.encryptedStatic(message)).toEqual(field.static)
  expect(messages.initiation.encryptedTimestamp(message)).toEqual(field.timestamp)
})

test('a response', () => {
  const { message, field } = numbered(RESPONSE)
  const made = messages.writeResponse(0x02020202, 0x03030303, field.ephemeral, field.empty)
  const expected = Buffer.from(message).fill(0, 60)
  expected.writeUInt32LE(2)
  expect(expected.equals(made)).toBe(true)
  expect(messages.response.senderIndex(message)).toBe(0x02020202)
  expect(messages.response.receiverIndex(message)).toBe(0x03030303)
  expect(messages.response.ephemeral(message)).toEqual(field.ephemeral)
  expect(messages.response.encryptedEmpty(message)).toEqual(field.empty)
})

test('a cookie reply', () => {
  const { message, field } = numbered(COOKIE_REPLY)
  expect(messages.cookieReply.receiverIndex(message)).toBe(0x02020202)
  expect(messages.cookieReply.nonce(message)).toEqual(field.nonce)
  expect(messages.cookieReply.encryptedCookie(message)).toEqual(field.cookie)
})

test('indices are unsigned and little endian, also in a view into larger memory', () => {
  const memory = Buffer.alloc(200)
  memory.set(messages.writeInitiation(0xfedcba98, new Uint8Array(32), new Uint8Array(48), new Uint8Array(28)), 13)
  expect(messages.initiation.senderIndex(memory.subarray(13))).toBe(0xfedcba98)
  expect(memory.subarray(13, 21).toString('hex')).toBe('0100000098badcfe')
})
