import { encodeKey } from '../keys.ts'
import type { InterfaceConfig, ParsedConfig, PeerConfig } from './config.ts'
import { Place, shown, shownName } from './place.ts'
import { Section } from './section.ts'
import { emptyInterface, emptyPeer, INTERFACE, type InterfaceDraft, PEER, type PeerDraft } from './section-kinds.ts'
import { hasControlCharacter, nameIn, trimmed } from './text.ts'

/**
 * Reads a configuration in wg-quick's format (wg-quick(8), wg(8)). Sections and keys in any case; `#` begins a comment.
 * Stricter than `wg`: a setting that is no list may be there once, and so may a peer. Throws a ConfigurationError
 * `FILE:LINE: expected ..., got ...`, which never shows a key.
 */
export function parseConfig(text: string, fileName = 'configuration'): ParsedConfig {
  const parser = new ConfigParser()
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  for (const [i, line] of lines.entries()) parser.line(line, new Place(fileName, i + 1))
  return parser.end(new Place(fileName, lines.length))
}

class ConfigParser {
  #interface: Section<InterfaceDraft> | undefined
  readonly #peers: Section<PeerDraft>[] = []
  #current: Section<InterfaceDraft> | Section<PeerDraft> | undefined

  line(line: string, place: Place): void {
    const hash = line.indexOf('#')
    const text = trimmed(hash < 0 ? line : line.slice(0, hash))
    if (text === '') {
      if (hash >= 0) this.#comment(line.slice(hash + 1), place)
      return
    }
    if (hasControlCharacter(text)) place.fail('text', 'a control character')
    if (text.startsWith('[')) this.#open(text, place)
    else this.#set(text, place)
  }

  end(place: Place): ParsedConfig {
    if (this.#interface === undefined) return place.fail('[Interface]', 'the end of the file')
    const lines = new Map<string, number>()
    return { interface: finishInterface(this.#interface), peers: this.#peers.map((peer) => finishPeer(peer, lines)) }
  }

  #comment(comment: string, place: Place): void {
    const peer = this.#peers.at(-1)
    if (peer !== undefined && peer === this.#current && peer.place.line === place.line - 1) {
      peer.draft.name = nameIn(comment)
    }
  }

  #open(text: string, place: Place): void {
    const header = text.toLowerCase()
    if (header === '[peer]') {
      const peer = new Section(place, PEER, emptyPeer())
      this.#peers.push(peer)
      this.#current = peer
    } else if (header !== '[interface]') place.fail('[Interface] or [Peer]', shown(text))
    else if (this.#interface !== undefined) {
      place.fail('[Interface] once', `another one after line ${this.#interface.place.line}`)
    } else {
      this.#interface = new Section(place, INTERFACE, emptyInterface())
      this.#current = this.#interface
    }
  }

  #set(text: string, place: Place): void {
    const equals = text.indexOf('=')
    if (equals < 0) place.fail('KEY = VALUE', 'a line without =')
    const key = trimmed(text.slice(0, equals))
    if (this.#current === undefined) place.fail('[Interface] or [Peer]', shownName(key))
    this.#current.set(key, trimmed(text.slice(equals + 1)), place)
  }
}

function finishInterface({ draft, place }: Section<InterfaceDraft>): InterfaceConfig {
  const { privateKey } = draft
  return privateKey === undefined ? place.fail('a PrivateKey in [Interface]', 'none') : { ...draft, privateKey }
}

/** `lines` is where public keys were seen. */
function finishPeer(section: Section<PeerDraft>, lines: Map<string, number>): PeerConfig {
  const { draft, place } = section
  const { publicKey } = draft
  if (publicKey === undefined) return place.fail('a PublicKey in [Peer]', 'none')
  const keyPlace = section.placeOf('PublicKey')
  const before = lines.get(encodeKey(publicKey))
  if (before !== undefined) keyPlace.fail('every PublicKey once', `that of line ${before} again`)
  lines.set(encodeKey(publicKey), keyPlace.line)
  return { ...draft, publicKey }
}
