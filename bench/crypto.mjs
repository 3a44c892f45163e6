// What a packet and a handshake cost in cryptography, for every AEAD and X25519 that is here: microseconds, medians over
// rounds in turns. First each one's results are compared with noble's. `npm run build` first.
// Usage: node bench/crypto.mjs [rounds = 50] [packets = 500]
import { randomBytes } from 'node:crypto'
import { makeFallback } from '@millrace/core'
import { nobleCrypto } from '@millrace/layer-wireguard'
import { OPENSSL } from '@millrace/native'
import { aeads, curves } from '../packages/layer-wireguard/dist/crypto/crypto.js'

const [rounds, packets] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 500)]
const LENGTHS = [64, 1420, 1424]
const SECRETS = 20
const SLOT = 2048
const OFFSET = 128
const TAG = 16

const openSsl = makeFallback(OPENSSL)
const key = randomBytes(32)
const [privateKey, point] = [randomBytes(32), nobleCrypto.publicKey(randomBytes(32))]
const plaintext = randomBytes(packets * SLOT)
const memory = new Uint8Array(packets * SLOT)
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const failUnless = (isRight, what) => {
  if (!isRight) throw new Error(`${what} differs from noble`)
}

const microseconds = (count, work) => {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1000) / count
}

function sealAll(aead, length) {
  for (let i = 0; i < packets; i++) aead.seal(0, i, memory, i * SLOT + OFFSET, length)
}

function openAll(aead, length) {
  let opened = 0
  for (let i = 0; i < packets; i++) if (aead.open(0, i, memory, i * SLOT + OFFSET, length + TAG)) opened++
  return opened
}

const textAt = (buffer, i, length) => Buffer.from(buffer.buffer, buffer.byteOffset + i * SLOT + OFFSET, length)

function verify(aead, name, length) {
  const reference = nobleCrypto.aead(key)
  memory.set(plaintext)
  sealAll(aead, length)
  for (let i = 0; i < packets; i += 97) {
    const expected = Buffer.concat([Buffer.alloc(OFFSET), textAt(plaintext, i, length), Buffer.alloc(TAG)])
    reference.seal(0, i, expected, OFFSET, length)
    failUnless(textAt(memory, i, length + TAG).equals(expected.subarray(OFFSET)), `${name} sealing ${length} bytes`)
  }
  failUnless(openAll(aead, length) === packets, `${name} opening ${length} bytes`)
  const isSame = (i) => textAt(memory, i, length).equals(textAt(plaintext, i, length))
  failUnless(Array.from({ length: packets }, (_, i) => i).every(isSame), `${name} opening ${length} bytes`)
}

const ciphers = Array.from(aeads(openSsl), ({ name, aead }) => ({ name, aead: aead(key) }))
const table = new Map()
const note = (name, column, value) => {
  const row = table.get(name) ?? new Map()
  row.set(column, [...(row.get(column) ?? []), value])
  table.set(name, row)
}

for (const { name, aead } of ciphers) for (const length of LENGTHS) verify(aead, name, length)
const agreed = Buffer.from(nobleCrypto.sharedSecret(privateKey, point))
for (const { name, sharedSecret } of curves(openSsl)) {
  failUnless(agreed.equals(sharedSecret(privateKey, point)), `X25519 of ${name}`)
}

for (let round = 0; round < rounds; round++) {
  for (const length of LENGTHS) {
    for (const { name, aead } of ciphers) {
      const seal = microseconds(packets, () => sealAll(aead, length))
      const open = microseconds(packets, () => openAll(aead, length))
      note(name, `seal ${length}`, seal)
      note(name, `open ${length}`, open)
    }
  }
  for (const { name, sharedSecret } of curves(openSsl)) {
    const secrets = () => {
      for (let i = 0; i < SECRETS; i++) sharedSecret(privateKey, point)
    }
    note(name, 'X25519', microseconds(SECRETS, secrets))
  }
}

const columns = [...LENGTHS.flatMap((length) => [`seal ${length}`, `open ${length}`]), 'X25519']
console.log(`Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, µs`)
console.log(['       ', ...columns.map((column) => column.padStart(10))].join(' '))
for (const [name, row] of table) {
  const cells = columns.map((column) => (row.has(column) ? median(row.get(column)).toFixed(2) : '').padStart(10))
  console.log([name.padEnd(7), ...cells].join(' '))
}
