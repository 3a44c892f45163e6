/**
 * What the self-tests of a start expect. Each is noble's answer, as known-answers.test.ts shows: loading noble and asking
 * it took a tenth of the time that a small program takes to start.
 */
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')

/** A tag by the length of what was encrypted. */
type Tags = ReadonlyMap<number, Buffer>

/** RFC 7748 §5.2, the first vector, and §6.1, Bob's keys. */
export const X25519: Record<'scalar' | 'point' | 'shared' | 'privateKey' | 'publicKey', Buffer> = {
  scalar: bytes('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
  point: bytes('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
  shared: bytes('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
  privateKey: bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
  publicKey: bytes('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
}

/**
 * ChaCha20-Poly1305 under `key` of as many bytes 0xa5 as stand before each tag. A tag that is right vouches for the
 * ciphertext. The lengths lie around the blocks of both primitives, and are long enough for the widest assembly there is.
 */
export const AEAD: { key: Buffer; counterHigh: number; counterLow: number; tags: Tags } = {
  key: X25519.shared,
  counterHigh: 0x01020304,
  counterLow: 0xfffefdfc,
  tags: new Map([
    [0, bytes('6f39bd4cc621ca96b9e3d169f6b042c0')],
    [1, bytes('b4bedeced8bb30a1bc7b61c96618d2fb')],
    [16, bytes('68229c35dfa3d9e6de07a7eb505b8bcc')],
    [63, bytes('0d4b281ba56bda1c7bf0f55d60de3dd5')],
    [64, bytes('449a719d2160f0400d5673287e6e3137')],
    [65, bytes('3a0ad89b5621ccfaf1a4012df3b15352')],
    [511, bytes('61b197ac2f4fff81e0909fc16d888be8')],
    [1420, bytes('6e2dcc20886369cdaceb71df1ce598d1')],
    [1424, bytes('03630efc33ce0b947d81f080257f1e69')],
  ]),
}

/** The same with `associated` data, as a handshake seals: nothing, a time stamp, a key; and what takes two blocks. */
export const ONE_TIME_AEAD: { key: Buffer; associated: Buffer; tags: Tags } = {
  key: X25519.shared,
  associated: X25519.publicKey,
  tags: new Map([
    [0, bytes('bb82129bd76dd727876f390b4c37e188')],
    [12, bytes('7431974441cd72872345ef64b4f717c2')],
    [32, bytes('af9a4b9f89a7c87a91db5d53f6be788b')],
    [100, bytes('960df17b3d0e7b23adafe70ccfd5f0ce')],
  ]),
}

/** BLAKE2s: RFC 7693 appendix B, and of an input of several blocks. */
export const HASHES: Record<'abc' | 'key' | 'input' | 'hash' | 'keyedMac', Buffer> & { derivedKeys: Buffer[] } = {
  abc: bytes('508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982'),
  key: Buffer.alloc(32, 7),
  input: Buffer.alloc(148, 0xa5),
  hash: bytes('3b3f53999dc90b3fddf66ce2c89bbe5d03cae095bdf1cef54e959ff7b2e3d241'),
  keyedMac: bytes('57de9f89cdcbd102c0a2761d87739013'),
  derivedKeys: [
    bytes('39b4a93fd7c623908689f6bc639e876cfdf81c69d677565e1408e074fcd71ee7'),
    bytes('91d5846b6badb5852540fa2cd1734c3813b18ad6fad38dea60347dbfd5b49807'),
    bytes('33c2b4d8672061fba36b16174d36adca0883e21c5f3e0949d620118b28864dc5'),
  ],
}
