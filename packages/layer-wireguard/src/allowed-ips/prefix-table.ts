import type { Prefix } from '@millrace/core'

/** A node of the trie: a prefix as four words (an IPv4 prefix is in the first), and what it leads to. */
interface Node<T> {
  readonly words: Uint32Array
  readonly length: number
  value: T | undefined
  zero: Node<T> | undefined
  one: Node<T> | undefined
}

/**
 * Longest-prefix match for both families: a path-compressed binary trie, so that a lookup costs at most as many steps
 * as the address has bits, however many prefixes there are. A prefix belongs to one value; to insert it for another
 * moves it there.
 */
export class PrefixTable<T> {
  #root4: Node<T> | undefined
  #root6: Node<T> | undefined
  readonly #prefixes = new Map<T, Map<number | string, Prefix>>()

  insert(prefix: Prefix, value: T): void {
    const words = wordsOf(prefix)
    const previous = this.#exact(prefix, words)
    if (previous !== undefined) this.#forget(previous, keyOf(prefix, words))
    const root = prefix.family === 4 ? this.#root4 : this.#root6
    this.#setRoot(prefix.family, insertInto(root, words, prefix.length, value))
    const mine = this.#prefixes.get(value) ?? new Map<number | string, Prefix>()
    this.#prefixes.set(value, mine.set(keyOf(prefix, words), prefix))
  }

  /** Removes a prefix if it belongs to `value`. */
  remove(prefix: Prefix, value: T): boolean {
    const words = wordsOf(prefix)
    if (this.#exact(prefix, words) !== value) return false
    const root = prefix.family === 4 ? this.#root4 : this.#root6
    this.#setRoot(prefix.family, removeFrom(root, words, prefix.length))
    this.#forget(value, keyOf(prefix, words))
    return true
  }

  removeAll(value: T): void {
    for (const prefix of this.prefixesOf(value)) this.remove(prefix, value)
  }

  /** The prefixes that lead to `value`, in the order they came. */
  prefixesOf(value: T): readonly Prefix[] {
    return [...(this.#prefixes.get(value)?.values() ?? [])]
  }

  /** The value of the longest prefix that contains the address at `offset`. */
  lookup(family: 4 | 6, view: DataView, offset: number): T | undefined {
    if (family === 4) return find(this.#root4, 32, view.getUint32(offset), 0, 0, 0)
    const [w0, w1] = [view.getUint32(offset), view.getUint32(offset + 4)]
    return find(this.#root6, 128, w0, w1, view.getUint32(offset + 8), view.getUint32(offset + 12))
  }

  #setRoot(family: 4 | 6, root: Node<T> | undefined): void {
    if (family === 4) this.#root4 = root
    else this.#root6 = root
  }

  #exact(prefix: Prefix, words: Uint32Array): T | undefined {
    let node = prefix.family === 4 ? this.#root4 : this.#root6
    while (node !== undefined && node.length < prefix.length && commonBits(node.words, words) >= node.length) {
      node = bitAt(words, node.length) ? node.one : node.zero
    }
    return node?.length === prefix.length && commonBits(node.words, words) >= node.length ? node.value : undefined
  }

  #forget(value: T, key: number | string): void {
    const mine = this.#prefixes.get(value)
    mine?.delete(key)
    if (mine?.size === 0) this.#prefixes.delete(value)
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
    const { words, length } = node
    if (!agrees(words[0] as number, w0, length) || !agrees(words[1] as number, w1, length - 32)) break
    if (!agrees(words[2] as number, w2, length - 64) || !agrees(words[3] as number, w3, length - 96)) break
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

/** Cheaper than the text form: tables are filled by the hundred thousand. */
function keyOf({ family, length }: Prefix, words: Uint32Array): number | string {
  return family === 4 ? (words[0] as number) * 64 + length : `${words.join()}/${length}`
}

function wordsOf({ bytes }: Prefix): Uint32Array {
  const words = new Uint32Array(4)
  bytes.forEach((byte, i) => {
    words[i >> 2] = ((words[i >> 2] as number) << 8) | byte
  })
  return words
}

function bitAt(words: Uint32Array, index: number): boolean {
  return (((words[index >> 5] as number) >>> (31 - (index & 31))) & 1) === 1
}

function commonBits(a: Uint32Array, b: Uint32Array): number {
  for (let i = 0; i < 4; i++) {
    const difference = ((a[i] as number) ^ (b[i] as number)) >>> 0
    if (difference !== 0) return i * 32 + Math.clz32(difference)
  }
  return 128
}

function insertInto<T>(node: Node<T> | undefined, words: Uint32Array, length: number, value: T): Node<T> {
  const leaf: Node<T> = { words, length, value, zero: undefined, one: undefined }
  if (node === undefined) return leaf
  const common = Math.min(commonBits(node.words, words), node.length, length)
  if (common === node.length && common === length) {
    node.value = value
    return node
  }
  if (common === node.length) {
    if (bitAt(words, common)) node.one = insertInto(node.one, words, length, value)
    else node.zero = insertInto(node.zero, words, length, value)
    return node
  }
  const parent: Node<T> =
    common === length ? leaf : { ...leaf, words: firstBits(words, common), length: common, value: undefined }
  for (const child of common === length ? [node] : [node, leaf]) {
    if (bitAt(child.words, common)) parent.one = child
    else parent.zero = child
  }
  return parent
}

function removeFrom<T>(node: Node<T> | undefined, words: Uint32Array, length: number): Node<T> | undefined {
  if (node === undefined || node.length > length) return node
  if (node.length === length) node.value = undefined
  else if (bitAt(words, node.length)) node.one = removeFrom(node.one, words, length)
  else node.zero = removeFrom(node.zero, words, length)
  if (node.value !== undefined || (node.zero !== undefined && node.one !== undefined)) return node
  return node.zero ?? node.one
}

function firstBits(words: Uint32Array, length: number): Uint32Array {
  const result = words.slice()
  for (let bit = length; bit < 128; bit++) {
    result[bit >> 5] = (result[bit >> 5] as number) & ~(1 << (31 - (bit & 31)))
  }
  return result
}
