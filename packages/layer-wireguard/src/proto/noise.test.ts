import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { describe, expect, test } from 'vitest'
import { type CryptoProvider, SEAL_HEADROOM } from '../crypto/crypto.ts'
import { nobleCrypto } from '../crypto/noble.ts'
import { nodeCrypto } from '../crypto/node.ts'
import { CONSTRUCTION } from './constants.ts'
import { createInitiation, createResponse, finishInitiation, openInitiation, readResponse } from './handshake.ts'
import { SymmetricState } from './noise.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'hex')
const hex = (part: Uint8Array | undefined): string => Buffer.from(part ?? []).toString('hex')

// The cacophony vector for this protocol, as in the snow crate 0.10.0, tests/vectors/cacophony.txt.
const VECTOR = {
  prologue: '4a6f686e2047616c74',
  psk: '54686973206973206d7920417573747269616e20706572737065637469766521',
  initiatorStatic: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
  initiatorEphemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  responderStatic: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  responderPublic: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
  responderEphemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
  first: {
    payload: '4c756477696720766f6e204d69736573',
    message:
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e' +
      '496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a' +
      '21f7e13f',
  },
  second: {
    payload: '4d757272617920526f746862617264',
    message:
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f3' +
      '65717edbf34d33e87a',
  },
  // Initiator and responder by turns, each with its own counter from 0.
  transport: [
    ['462e20412e20486179656b', '8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7'],
    ['4361726c204d656e676572', '07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef'],
    ['4a65616e2d426170746973746520536179', '6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d'],
    [
      '457567656e2042f6686d20766f6e2042617765726b',
      'dfc346c0d2296ae6cf1acf6f12b8456a1dba228cf8d8b774aacf1c47fc53aa80ebc7a4c292',
    ],
  ],
} as const

describe.each([nobleCrypto, nodeCrypto])('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s with $name', (crypto) => {
  const pair = (privateKey: string): { privateKey: Uint8Array; publicKey: Uint8Array } => ({
    privateKey: bytes(privateKey),
    publicKey: crypto.publicKey(bytes(privateKey)),
  })
  const [initiator, responder] = [pair(VECTOR.initiatorStatic), pair(VECTOR.responderStatic)]
  const staticShared = crypto.sharedSecret(initiator.privateKey, responder.publicKey) as Uint8Array
  const start = SymmetricState.initialize(CONSTRUCTION, bytes(VECTOR.prologue))
  const create = (): NonNullable<ReturnType<typeof createInitiation>> =>
    createInitiation(
      crypto,
      start,
      initiator,
      responder.publicKey,
      staticShared,
      bytes(VECTOR.initiatorEphemeral),
      bytes(VECTOR.first.payload),
    ) as NonNullable<ReturnType<typeof createInitiation>>
  const answer = (psk: string): NonNullable<ReturnType<typeof createResponse>> => {
    const opened = openInitiation(
      crypto,
      start,
      responder,
      bytes(VECTOR.first.message.slice(0, 64)),
      bytes(VECTOR.first.message.slice(64, 160)),
    ) as NonNullable<ReturnType<typeof openInitiation>>
    expect(hex(opened.remoteStatic)).toBe(hex(initiator.publicKey))
    const payload = finishInitiation(crypto, opened, staticShared, bytes(VECTOR.first.message.slice(160)))
    expect(hex(payload)).toBe(VECTOR.first.payload)
    const ephemeral = bytes(VECTOR.responderEphemeral)
    const made = createResponse(crypto, opened, bytes(psk), ephemeral, bytes(VECTOR.second.payload))
    return made as NonNullable<ReturnType<typeof createResponse>>
  }

  test('the first message, from the initiator', () => {
    expect(hex(responder.publicKey)).toBe(VECTOR.responderPublic)
    const { ephemeral, encryptedStatic, encryptedPayload } = create()
    expect(hex(ephemeral) + hex(encryptedStatic) + hex(encryptedPayload)).toBe(VECTOR.first.message)
  })

  test('the second message, from the responder', () => {
    const { ephemeral, encryptedPayload } = answer(VECTOR.psk)
    expect(hex(ephemeral) + hex(encryptedPayload)).toBe(VECTOR.second.message)
  })

  test('both sides come to the same keys, with which the transport messages are made and read', () => {
    const { state } = create()
    const ours = answer(VECTOR.psk).keys
    const read = readResponse(
      crypto,
      state,
      initiator,
      bytes(VECTOR.psk),
      bytes(VECTOR.second.message.slice(0, 64)),
      bytes(VECTOR.second.message.slice(64)),
    ) as NonNullable<ReturnType<typeof readResponse>>
    expect(hex(read.payload)).toBe(VECTOR.second.payload)
    expect(hex(read.keys.send)).toBe(hex(ours.receive))
    expect(hex(read.keys.receive)).toBe(hex(ours.send))
    VECTOR.transport.forEach(([payload, message], i) => {
      const [send, receive] = i % 2 === 0 ? [read.keys.send, ours.receive] : [ours.send, read.keys.receive]
      expect(sealed(crypto, send, i >> 1, payload)).toBe(message)
      const memory = bytes(message)
      expect(crypto.aead(receive).open(0, i >> 1, memory, 0, memory.length)).toBe(true)
      expect(hex(memory.subarray(0, -16))).toBe(payload)
    })
  })

  test('the initiator does not read a response that is not right, and still reads the right one after it', () => {
    const { state } = create()
    const [ephemeral, payload] = [bytes(VECTOR.second.message.slice(0, 64)), bytes(VECTOR.second.message.slice(64))]
    const flipped = payload.map((byte, i) => (i === 5 ? byte ^ 1 : byte))
    const psk = bytes(VECTOR.psk)
    expect(readResponse(crypto, state, initiator, psk, ephemeral, flipped)).toBeUndefined()
    expect(readResponse(crypto, state, initiator, new Uint8Array(32), ephemeral, payload)).toBeUndefined()
    expect(readResponse(crypto, state, initiator, psk, new Uint8Array(32), payload)).toBeUndefined()
    expect(readResponse(crypto, state, initiator, psk, ephemeral, payload)).toBeDefined()
  })

  test('an initiation to a key, or with an ephemeral key, of low order comes to nothing', () => {
    const ephemeral = bytes(VECTOR.initiatorEphemeral)
    const zero = new Uint8Array(32)
    expect(createInitiation(crypto, start, initiator, zero, staticShared, ephemeral, zero)).toBeUndefined()
    expect(openInitiation(crypto, start, responder, zero, new Uint8Array(48))).toBeUndefined()
  })
})

test('the AEAD of the handshake: RFC 8439 §2.8.2', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
  const aad = bytes('50515253c0c1c2c3c4c5c6c7')
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
  const sealedText = chacha20poly1305(key, bytes('070000004041424344454647'), aad).encrypt(Buffer.from(text))
  expect(hex(sealedText)).toBe(
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29' +
      '05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
      '1ae10b594f09e26a7e902ecbd0600691',
  )
})

test('a wiped state has nothing left of the chaining key', () => {
  const state = SymmetricState.initialize(CONSTRUCTION, bytes(VECTOR.prologue))
  state.wipe()
  const [first] = state.split()
  expect(hex(first)).toBe(hex(new SymmetricState(new Uint8Array(32), new Uint8Array(32)).split()[0]))
})

function sealed(crypto: CryptoProvider, key: Uint8Array, counter: number, payload: string): string {
  const plaintext = bytes(payload)
  const memory = Buffer.concat([Buffer.alloc(SEAL_HEADROOM), plaintext, Buffer.alloc(16)])
  crypto.aead(key).seal(0, counter, memory, SEAL_HEADROOM, plaintext.length)
  return hex(memory.subarray(SEAL_HEADROOM))
}
