// Made by another implementation: a test put into package `device` of golang.zx2c4.com/wireguard at ecfc5a8d5446
// (2026-05-22), with `rand.Reader` giving the ephemeral keys and indices below and the clock standing still at `wall`.
// Messages 1 to 4 came from CreateMessageInitiation, CreateMessageResponse, AddMacs, CreateReply and the AEAD of the
// key pairs that BeginSymmetricSession made. All hex but the numbers.

export const TRANSCRIPT = {
  /** Unix time, milliseconds. */
  wall: 1_767_225_601_500,
  initiatorIndex: 0x11223344,
  responderIndex: 0xfedcba98,
  secondIndex: 0x55667788,
  /** Counter of `initiatorDataHighCounter`: 0x123456789abcdef0 in halves. */
  highCounter: [0x12345678, 0x9abcdef0],
  initiatorPrivate: '0002030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f60',
  initiatorPublic: '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
  responderPrivate: '8082838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f60',
  responderPublic: '883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77',
  psk: '404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f',
  initiatorEphemeral: '202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
  responderEphemeral: 'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
  secondEphemeral: '606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f',
  timestamp: '400000006955b90b1d000000',
  initiation:
    '0100000044332211358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662547a575468de53bd7edd1ff488' +
    '3c707adc6039622c7f0a5f48441881d45f92e7b3db6dfddd1713a0d6d44e7ab5f2550173f383c5155412ef4d874ad85ceafb437b' +
    'f98b5ab64b99517c63da9a6e15901148eac1ae4a712857c43951f5cd00000000000000000000000000000000',
  response:
    '0200000098badcfe44332211605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c28332c67e7ed5594' +
    'f276a61b93c936a5007631d553349a5232116e364892d2f700000000000000000000000000000000',
  initiatorKeepalive: '0400000098badcfe00000000000000004c94c9a09167e40128c95e9647031d77',
  /** What the three data messages carry; padded to 32 bytes there. */
  inner: '4500001c00000000401166cf0a0000010a0000020fa0003500080000',
  initiatorData:
    '0400000098badcfe0100000000000000f01c7f30692c55a98419dbb3a115483381341199ff68c801550fc0efa8302932655e12cb' +
    '4a3ee60b600dce57623930df',
  initiatorDataHighCounter:
    '0400000098badcfef0debc9a785634122bc9db2bc8d43d8ca7ee8e109e06b1e8e598764162d4fa5c3ecd7f13f0b38df44cd559ff' +
    'c29b48a78f998c901d7d95cb',
  responderData:
    '04000000443322110000000000000000026185dbed9cfb2850651dfb07c93021ec3820746d6bf170d267094403ce9f323c8227dc' +
    '676ce302643b73e18e6eba2e',
  /** For the initiation, to its sender at 192.0.2.1:51820. */
  cookieReply:
    '0300000044332211e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7b08badc778b65986aa815f7363d839e56981fbc8' +
    '4fc490e9b001d6ef92710cb3',
  /** The next one, with the second ephemeral key and index, and mac2 made with that cookie. */
  initiationWithCookie:
    '0100000088776655675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52fb190f07cb11d4f6df85f4fea' +
    '24aa0a333d847d7ff8e8329a485c9aee4abfd67f2f4204881ab85c0f3628660c5a162e6e3df2af57423e047f2c9b9d93d67cc554' +
    'd45fdf0a2d41418355dba3339c500a9e72b19a033b04e1ce7f5d4d5a0411cbbf5fc5a687542775b502db3283',
} as const
