import type { CryptoProvider } from '../crypto/crypto.ts'
import type { SymmetricState } from './noise.ts'

// Noise_IKpsk2 (Noise §7.5, §9.4; WireGuard paper §5.4.2, §5.4.3). The functions take bytes and return bytes; they
// return undefined where the other side's bytes do not authenticate or a shared secret would be all zero.

export interface KeyPair {
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
}

/** The transport keys of one side. */
export interface TransportKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}

/** What the initiator keeps until the response comes. */
export interface InitiatorState {
  readonly symmetric: SymmetricState
  readonly ephemeralPrivate: Uint8Array
}

/** What the responder knows after the first half of an initiation: who says it is there. */
export interface ReceivedInitiation {
  readonly symmetric: SymmetricState
  readonly remoteEphemeral: Uint8Array
  readonly remoteStatic: Uint8Array
}

export interface HandshakeMessage {
  readonly ephemeral: Uint8Array
  readonly encryptedPayload: Uint8Array
}

/** `-> e, es, s, ss`, from the initiator. `staticShared` is the precomputed secret of the two static keys. */
export function createInitiation(
  crypto: CryptoProvider,
  initial: SymmetricState,
  local: KeyPair,
  remoteStatic: Uint8Array,
  staticShared: Uint8Array,
  ephemeralPrivate: Uint8Array,
  payload: Uint8Array,
): (HandshakeMessage & { readonly encryptedStatic: Uint8Array; readonly state: InitiatorState }) | undefined {
  const symmetric = initial.clone()
  symmetric.mixHash(remoteStatic)
  const ephemeral = crypto.publicKey(ephemeralPrivate)
  symmetric.mixHash(ephemeral)
  symmetric.mixKey(ephemeral)
  const es = crypto.sharedSecret(ephemeralPrivate, remoteStatic)
  if (es === undefined) return undefined
  symmetric.mixKey(es)
  const encryptedStatic = symmetric.encryptAndHash(crypto, local.publicKey)
  symmetric.mixKey(staticShared)
  const encryptedPayload = symmetric.encryptAndHash(crypto, payload)
  return { ephemeral, encryptedStatic, encryptedPayload, state: { symmetric, ephemeralPrivate } }
}

/** The responder's first half: one Diffie-Hellman, after which it knows the initiator's static key. */
export function openInitiation(
  crypto: CryptoProvider,
  initial: SymmetricState,
  local: KeyPair,
  ephemeral: Uint8Array,
  encryptedStatic: Uint8Array,
): ReceivedInitiation | undefined {
  const symmetric = initial.clone()
  symmetric.mixHash(local.publicKey)
  symmetric.mixHash(ephemeral)
  symmetric.mixKey(ephemeral)
  const es = crypto.sharedSecret(local.privateKey, ephemeral)
  if (es === undefined) return undefined
  symmetric.mixKey(es)
  const remoteStatic = symmetric.decryptAndHash(crypto, encryptedStatic)
  if (remoteStatic === undefined) return undefined
  return { symmetric, remoteEphemeral: ephemeral.slice(), remoteStatic }
}

/** The responder's second half: the payload, which proves that the initiator holds its static key. */
export function finishInitiation(
  crypto: CryptoProvider,
  { symmetric }: ReceivedInitiation,
  staticShared: Uint8Array,
  encryptedPayload: Uint8Array,
): Uint8Array | undefined {
  symmetric.mixKey(staticShared)
  return symmetric.decryptAndHash(crypto, encryptedPayload)
}

/** `<- e, ee, se, psk`, from the responder, which has its transport keys with it. */
export function createResponse(
  crypto: CryptoProvider,
  { symmetric, remoteEphemeral, remoteStatic }: ReceivedInitiation,
  presharedKey: Uint8Array,
  ephemeralPrivate: Uint8Array,
  payload: Uint8Array,
): (HandshakeMessage & { readonly keys: TransportKeys }) | undefined {
  const ephemeral = crypto.publicKey(ephemeralPrivate)
  symmetric.mixHash(ephemeral)
  symmetric.mixKey(ephemeral)
  const ee = crypto.sharedSecret(ephemeralPrivate, remoteEphemeral)
  const se = crypto.sharedSecret(ephemeralPrivate, remoteStatic)
  if (ee === undefined || se === undefined) return undefined
  symmetric.mixKey(ee)
  symmetric.mixKey(se)
  symmetric.mixKeyAndHash(presharedKey)
  const encryptedPayload = symmetric.encryptAndHash(crypto, payload)
  const [receive, send] = symmetric.split()
  return { ephemeral, encryptedPayload, keys: { send, receive } }
}

/** The initiator reads the response. `state` stays as it is if the bytes are not right: the true response may yet come. */
export function readResponse(
  crypto: CryptoProvider,
  { symmetric: before, ephemeralPrivate }: InitiatorState,
  local: KeyPair,
  presharedKey: Uint8Array,
  ephemeral: Uint8Array,
  encryptedPayload: Uint8Array,
): { readonly payload: Uint8Array; readonly keys: TransportKeys } | undefined {
  const symmetric = before.clone()
  symmetric.mixHash(ephemeral)
  symmetric.mixKey(ephemeral)
  const ee = crypto.sharedSecret(ephemeralPrivate, ephemeral)
  const se = crypto.sharedSecret(local.privateKey, ephemeral)
  if (ee === undefined || se === undefined) return undefined
  symmetric.mixKey(ee)
  symmetric.mixKey(se)
  symmetric.mixKeyAndHash(presharedKey)
  const payload = symmetric.decryptAndHash(crypto, encryptedPayload)
  if (payload === undefined) return undefined
  const [send, receive] = symmetric.split()
  return { payload, keys: { send, receive } }
}

export function wipeInitiatorState({ symmetric, ephemeralPrivate }: InitiatorState): void {
  symmetric.wipe()
  ephemeralPrivate.fill(0)
}
