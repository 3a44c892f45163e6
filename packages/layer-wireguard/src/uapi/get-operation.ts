import { prefixText } from './prefix-text.ts'
import type { UapiPeer, UapiTarget } from './target.ts'

/** Bytes of a piece of the answer. */
const PIECE = 65_536
/** Room that every line has: more than the longest. */
const LINE = 256

/**
 * The answer to `get=1` without its `errno`, in pieces of 64 KiB. They hold keys: whoever has sent one wipes it. What
 * changes while it is read may be in it or not.
 */
export function* describeDevice(target: UapiTarget): Generator<Uint8Array, void, undefined> {
  const lines = new Lines()
  if (target.privateKey !== undefined) lines.key('private_key=', target.privateKey)
  if (target.listenPort !== 0) lines.text(`listen_port=${target.listenPort}\n`)
  if (target.fwmark !== 0) lines.text(`fwmark=${target.fwmark}\n`)
  for (const peer of target.peers) {
    describePeer(lines, peer)
    if (lines.isFull) yield lines.take()
    for (const prefix of peer.allowedIps) {
      lines.text(`allowed_ip=${prefixText(prefix)}\n`)
      if (lines.isFull) yield lines.take()
    }
  }
  yield lines.take()
}

function describePeer(lines: Lines, peer: UapiPeer): void {
  const seconds = Math.floor(peer.latestHandshake / 1000)
  const nanoseconds = Math.floor((peer.latestHandshake - seconds * 1000) * 1e6)
  lines.key('public_key=', peer.publicKey)
  lines.key('preshared_key=', peer.presharedKey)
  lines.text('protocol_version=1\n')
  if (peer.endpoint !== undefined) lines.text(`endpoint=${peer.endpoint}\n`)
  lines.text(`last_handshake_time_sec=${seconds}\nlast_handshake_time_nsec=${nanoseconds}\n`)
  lines.text(`tx_bytes=${peer.sentBytes}\nrx_bytes=${peer.receivedBytes}\n`)
  lines.text(`persistent_keepalive_interval=${peer.persistentKeepalive}\n`)
}

/** Lines on their way into a piece. Keys become hex here, without a string. */
class Lines {
  #piece: Buffer = Buffer.alloc(PIECE)
  #length = 0

  /** Whether the piece has no room for a whole peer. */
  get isFull(): boolean {
    return this.#length > PIECE - 8 * LINE
  }

  text(line: string): void {
    this.#length += this.#piece.write(line, this.#length, 'latin1')
  }

  key(name: string, key: Uint8Array): void {
    this.text(name)
    for (const byte of key) {
      this.#piece[this.#length++] = hexCharacter(byte >> 4)
      this.#piece[this.#length++] = hexCharacter(byte & 15)
    }
    this.text('\n')
  }

  take(): Uint8Array {
    const piece = this.#piece.subarray(0, this.#length)
    this.#piece = Buffer.alloc(PIECE)
    this.#length = 0
    return piece
  }
}

function hexCharacter(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
}
