import { LocalAddress, parseSocketAddress, SocketAddress } from '@millrace/core'
import { NAME_WORDS } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AddressBook } from './address-book.ts'
import { encodeLocal, encodeName, type Interfaces, LOCAL_WORDS } from './addresses.ts'

const interfaces: Interfaces = {
  nameOf: (index) => (index === 3 ? 'eth0' : ''),
  indexOf: (name) => (name === 'eth0' ? 3 : 0),
}
const here = encodeLocal(new LocalAddress(4, '192.0.2.1', 2)).words
const name = (text: string): Int32Array => encodeName(parseSocketAddress(text), interfaces).words

describe('an address book', () => {
  test('gives the same objects for the same bytes, and others for others', () => {
    const book = new AddressBook(interfaces)
    const { remote, local } = book.origin(name('198.51.100.7:51820'), here)
    expect([String(remote), String(local)]).toEqual(['198.51.100.7:51820', '192.0.2.1%2'])
    const again = book.origin(name('198.51.100.7:51820').slice(), here.slice())
    expect([again.remote, again.local]).toEqual([remote, local])
    expect(again.remote).toBe(remote)
    expect(again.local).toBe(local)
    expect(book.origin(name('198.51.100.7:51821'), here).remote).not.toBe(remote)
    const elsewhere = encodeLocal(new LocalAddress(4, '192.0.2.1', 3)).words
    expect(book.origin(name('198.51.100.7:51820'), elsewhere).local).not.toBe(local)
    expect(book.remote(remote)).toBe(remote)
    expect(book.local(local)).toBe(local)
  })

  test('reads what it was given: any address and port, there and back', () => {
    const book = new AddressBook(interfaces)
    const address = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 65_535 }), fc.nat(9), (text, port, index) => {
        const remote = parseSocketAddress(text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`)
        const local = new LocalAddress(remote.family, remote.address, index)
        const encoded = book.remote(remote)
        if (encoded === undefined) throw new Error('no address')
        const origin = book.origin(encoded.words, encodeLocal(local).words)
        const zone = /^fe[89ab]/.test(remote.address) ? 'none, for its index is 0' : ''
        expect([String(origin.remote), String(origin.local)], zone).toEqual([String(remote), String(local)])
        expect(origin.remote.family).toBe(remote.family)
      }),
    )
  })

  test('the zone of a link-local address is the name of its interface', () => {
    const book = new AddressBook(interfaces)
    const far = new SocketAddress(6, 'fe80::7%eth0', 51_820)
    const words = book.remote(far)?.words as Int32Array
    expect(words[NAME_WORDS - 1]).toBe(3)
    expect(String(book.origin(words, new Int32Array(LOCAL_WORDS)).remote)).toBe('[fe80::7%eth0]:51820')
  })

  test('objects of others are read once, and never make it throw', () => {
    const book = new AddressBook(interfaces)
    const far = parseSocketAddress('[2001:db8::1]:1')
    expect(book.remote(far)).toBe(book.remote(far))
    expect(book.remote(far)?.words[0]).toBe(name('[2001:db8::1]:1')[0])
    const near = new LocalAddress(6, '2001:db8::2', 0)
    expect(book.local(near)).toBe(book.local(near))
    expect(book.remote(new SocketAddress(4, 'localhost', 1))).toBeUndefined()
    expect(book.local(new LocalAddress(4, '', 1))).toBeUndefined()
  })

  test('100,000 senders take no more room than its bound, and are still told apart', () => {
    const book = new AddressBook(interfaces)
    const words = name('10.0.0.0:1000')
    const bytes = new Uint8Array(words.buffer)
    const kept = new Set<object>()
    for (let i = 0; i < 100_000; i++) {
      bytes.set([10, i >> 16, (i >> 8) & 0xff, i & 0xff], 4)
      const { remote } = book.origin(words, here)
      if (remote.address !== `10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}`) throw new Error(`${i} is ${remote}`)
      kept.add(remote)
    }
    // Who of them is still known gets the object he had.
    let known = 0
    for (let i = 99_999; i >= 0; i--) {
      bytes.set([10, i >> 16, (i >> 8) & 0xff, i & 0xff], 4)
      if (kept.has(book.origin(words, here).remote)) known++
    }
    expect(known).toBeGreaterThan(2000)
    expect(known).toBeLessThanOrEqual(4096)
  })

  test('a thousand peers at once are all known', () => {
    const book = new AddressBook(interfaces)
    const peers = Array.from({ length: 1000 }, (_, i) => name(`198.51.${100 + (i >> 8)}.${i & 0xff}:${51_820 + i}`))
    const first = peers.map((peer) => book.origin(peer, here).remote)
    const second = peers.map((peer) => book.origin(peer, here).remote)
    expect(second.filter((remote, i) => remote === first[i]).length).toBeGreaterThan(950)
  })

  test('a refused source stays refused until the host has changed; then there is another object', () => {
    const book = new AddressBook(interfaces)
    const peer = name('198.51.100.7:51820')
    const other = name('198.51.100.8:51820')
    const { remote, local } = book.origin(peer, here)
    local.refuse()
    local.checked = book.generation
    expect(book.origin(peer, here).local).toBe(local)
    expect(book.origin(other, here).local.usable, 'towards others it is still of use').toBe(true)
    book.generation++
    const renewed = book.origin(peer, here)
    expect(renewed.local.usable).toBe(true)
    expect(local.usable).toBe(false)
    expect(renewed.remote).toBe(remote)
    expect(book.origin(peer, here)).toBe(renewed)
  })
})
