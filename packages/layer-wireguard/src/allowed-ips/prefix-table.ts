import type { Prefix } from '@millrace/core'
import { commonBits, firstBits, isBitSet, type Words, wordsOf } from './words.ts'

/** A node of the trie: a prefix, and what it leads to. */
class Node<T> implements Words {
  readonly family: 4 | 6
  readonly length: number
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  value: T | undefined
  zero: Node<T> | undefined
  one: Node<T> | undefined

  constructor(family: 4 | 6, { w0, w1, w2, w3 }: Words, length: number) {
    this.family = family
    this.length = length
    this.w0 = w0
    this.w1 = w1
    this.w2 = w2
    this.w3 = w3
  }
}

/**
 * Longest-prefix match for both families: a path-compressed binary trie, so that a lookup costs at most as many steps
 * as the address has bits, however many prefixes there are. A prefix belongs to one value; to insert it for another
 * moves it there.
 */
export class PrefixTable<T> {
  #root4: Node<T> | undefined
  #root6: Node<T> | undefined
  /** The nodes of each value: mostly it is one, and a set of one would be larger than the rest. */
  readonly #held = new Map<T, Node<T> | Set<Node<T>>>()

  insert(prefix: Prefix, value: T): void {
    const { family, length } = prefix
    const words = wordsOf(prefix)
    let node = this.#exact(family, words, length)
    if (node === undefined) {
      node = new Node<T>(family, words, length)
      this.#setRoot(family, insertInto(this.#rootOf(family), node))
    } else if (node.value !== undefined) this.#forget(node, node.value)
    node.value = value
    const held = this.#held.get(value)
    if (held instanceof Set) held.add(node)
    else this.#held.set(value, held === undefined ? node : new Set([held, node]))
  }

  /** Removes a prefix if it belongs to `value`. */
  remove(prefix: Prefix, value: T): boolean {
    const { family, length } = prefix
    const words = wordsOf(prefix)
    const node = this.#exact(family, words, length)
    if (node === undefined || node.value !== value) return false
    this.#forget(node, value)
    this.#setRoot(family, removeFrom(this.#rootOf(family), words, length))
    return true
  }

  removeAll(value: T): void {
    for (const prefix of this.prefixesOf(value)) this.remove(prefix, value)
  }

  /** The prefixes that lead to `value`, in the order they came. */
  prefixesOf(value: T): readonly Prefix[] {
    const held = this.#held.get(value)
    if (held === undefined) return []
    return held instanceof Set ? Array.from(held, prefixOf) : [prefixOf(held)]
  }

  /** The value of the longest prefix that contains the address at `offset`. */
  lookup(family: 4 | 6, view: DataView, offset: number): T | undefined {
    if (family === 4) return find(this.#root4, 32, view.getInt32(offset), 0, 0, 0)
    const [w0, w1] = [view.getInt32(offset), view.getInt32(offset + 4)]
    return find(this.#root6, 128, w0, w1, view.getInt32(offset + 8), view.getInt32(offset + 12))
  }

  #rootOf(family: 4 | 6): Node<T> | undefined {
    return family === 4 ? this.#root4 : this.#root6
  }

  #setRoot(family: 4 | 6, root: Node<T> | undefined): void {
    if (family === 4) this.#root4 = root
    else this.#root6 = root
  }

  #exact(family: 4 | 6, words: Words, length: number): Node<T> | undefined {
    let node = this.#rootOf(family)
    while (node !== undefined && node.length < length && commonBits(node, words) >= node.length) {
      node = isBitSet(words, node.length) ? node.one : node.zero
    }
    return node?.length === length && commonBits(node, words) >= length ? node : undefined
  }

  #forget(node: Node<T>, value: T): void {
    const held = this.#held.get(value)
    if (held instanceof Set && held.size > 1) held.delete(node)
    else this.#held.delete(value)
  }
}

// The hot path: the address as four numbers, nothing allocated.
function find<T>(
  root: Node<T> | undefined,
  bits: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): T | undefined {
  let node = root
  let found: T | undefined
  while (node !== undefined && node.length <= bits) {
    const { length } = node
    if (!agrees(node.w0, w0, length) || !agrees(node.w1, w1, length - 32)) break
    if (!agrees(node.w2, w2, length - 64) || !agrees(node.w3, w3, length - 96)) break
    if (node.value !== undefined) found = node.value
    if (length === bits) break
    const word = length < 32 ? w0 : length < 64 ? w1 : length < 96 ? w2 : w3
    node = ((word >>> (31 - (length & 31))) & 1) === 1 ? node.one : node.zero
  }
  return found
}

/** Whether two words agree in their first `bits` bits; none below 1, all above 31. */
function agrees(a: number, b: number, bits: number): boolean {
  if (bits <= 0) return true
  const difference = a ^ b
  return bits >= 32 ? difference === 0 : difference >>> (32 - bits) === 0
}

/** The tree at `node` with `leaf`, whose prefix it does not have, in it. */
function insertInto<T>(node: Node<T> | undefined, leaf: Node<T>): Node<T> {
  if (node === undefined) return leaf
  const common = Math.min(commonBits(node, leaf), node.length, leaf.length)
  if (common === node.length) {
    setChild(node, leaf, insertInto(isBitSet(leaf, common) ? node.one : node.zero, leaf))
    return node
  }
  const parent = common === leaf.length ? leaf : new Node<T>(node.family, firstBits(leaf, common), common)
  setChild(parent, node, node)
  if (parent !== leaf) setChild(parent, leaf, leaf)
  return parent
}

/** Puts `child` where in `parent` the way to `words` goes on. */
function setChild<T>(parent: Node<T>, words: Words, child: Node<T>): void {
  if (isBitSet(words, parent.length)) parent.one = child
  else parent.zero = child
}

function removeFrom<T>(node: Node<T> | undefined, words: Words, length: number): Node<T> | undefined {
  if (node === undefined || node.length > length) return node
  if (node.length === length) node.value = undefined
  else if (isBitSet(words, node.length)) node.one = removeFrom(node.one, words, length)
  else node.zero = removeFrom(node.zero, words, length)
  if (node.value !== undefined || (node.zero !== undefined && node.one !== undefined)) return node
  return node.zero ?? node.one
}

function prefixOf<T>(node: Node<T>): Prefix {
  const bytes = new Uint8Array(node.family === 4 ? 4 : 16)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, node.w0)
  if (node.family === 6) {
    view.setInt32(4, node.w1)
    view.setInt32(8, node.w2)
    view.setInt32(12, node.w3)
  }
  return { family: node.family, bytes, length: node.length }
}
