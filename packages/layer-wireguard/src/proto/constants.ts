// Times in milliseconds. Names are the paper's (§6.1) and the kernel's.

export const REKEY_AFTER_TIME = 120_000
export const REJECT_AFTER_TIME = 180_000
const REKEY_ATTEMPT_TIME = 90_000
export const REKEY_TIMEOUT = 5_000
/** Added to REKEY_TIMEOUT at random, from 0 to this less one, so that two ends that start together do not go on together. */
export const REKEY_TIMEOUT_JITTER = 334
export const KEEPALIVE_TIMEOUT = 10_000
/** Retries before a handshake is given up. */
export const MAX_TIMER_HANDSHAKES: number = REKEY_ATTEMPT_TIME / REKEY_TIMEOUT
/** All keys of a peer are wiped this long after its last new session. */
export const ZERO_KEY_MATERIAL_TIME: number = REJECT_AFTER_TIME * 3
/** Least time between two initiations taken from one peer. */
export const INITIATION_FLOOD_GAP = 20
/** A cookie is used no longer than this: 120 s, less 5 for its way here. */
export const COOKIE_LIFETIME = 115_000

/** The secret under which cookies are made is used this long. */
export const COOKIE_SECRET_LIFETIME = 120_000

/** Handshake messages that wait to be looked at, at most; and from how many on the device is under load. */
export const HANDSHAKE_QUEUE_LENGTH = 1024
export const UNDER_LOAD_QUEUE_LENGTH: number = HANDSHAKE_QUEUE_LENGTH / 8
/** How long the device stays under load after the queue was that long. */
export const UNDER_LOAD_AFTER_TIME = 1000

/** REKEY_AFTER_MESSAGES is 2^60: the high half of a counter that has reached it. */
export const REKEY_AFTER_MESSAGES_HIGH = 0x1000_0000
/** REJECT_AFTER_MESSAGES is 2^64 - 2^13 - 1, as two halves. */
export const REJECT_AFTER_MESSAGES_HIGH = 0xffff_ffff
export const REJECT_AFTER_MESSAGES_LOW = 0xffff_dfff

/** Packets kept for a peer while there is no session; the oldest is dropped for the next. */
export const MAX_STAGED_PACKETS = 128
/** Peers a device may have (wireguard-go's bound). */
export const MAX_PEERS = 65_536
/** Plaintexts are padded to a multiple of this, bytes. */
export const PADDING_MULTIPLE = 16

export const CONSTRUCTION = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'
export const IDENTIFIER = 'WireGuard v1 zx2c4 Jason@zx2c4.com'
export const LABEL_MAC1 = 'mac1----'
export const LABEL_COOKIE = 'cookie--'
