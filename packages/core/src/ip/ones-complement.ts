import { foldSum, onesComplementSum } from './checksum.ts'
import { instantiateSums, type Sum, type WasmMemory, type WebAssemblyApi } from './ones-complement-wasm.ts'

/**
 * One's complement sums (RFC 1071) over one memory, as fast as this machine can. Every sum is that of the 16-bit words,
 * folded to 16 bits, not complemented, the same number as {@link onesComplementSum} gives; ranges lie inside the memory
 * and have at most 65,575 bytes, an IPv6 packet.
 */
export interface OnesComplement {
  /** The memory that is summed over. */
  readonly view: DataView
  /** Of the bytes from `offset` on. An odd last byte counts as the high one of its word. */
  sum(offset: number, length: number): number
  /** The same while the bytes are copied to `to`. The ranges must not overlap, unless `to` is below `from`. */
  copyAndSum(from: number, to: number, length: number): number
}

/**
 * Zeroed memory of a fixed size, and sums over it: by SIMD in WebAssembly where the engine has it, else in plain
 * JavaScript, which is only slower. `webAssembly` is the engine's own unless a test says otherwise.
 */
export function memoryWithSums(size: number, webAssembly: WebAssemblyApi | null = engine): OnesComplement {
  const memory = wasmMemory(size, webAssembly)
  const view = new DataView(memory?.buffer ?? new ArrayBuffer(size), 0, size)
  const sums = memory && instantiateSums(memory, webAssembly)
  return sums === undefined ? new PlainSums(view) : new WasmSums(view, sums.sum, sums.copyAndSum)
}

const engine = (Reflect.get(globalThis, 'WebAssembly') as WebAssemblyApi | undefined) ?? null

const WASM_PAGE = 65_536

/** Undefined where WebAssembly is off, or the address space that the engine wants to set aside is not to be had. */
function wasmMemory(size: number, webAssembly: WebAssemblyApi | null): WasmMemory | undefined {
  const pages = Math.ceil(size / WASM_PAGE)
  try {
    // With a maximum it cannot grow, so its buffer is never replaced by another.
    return webAssembly === null ? undefined : new webAssembly.Memory({ initial: pages, maximum: pages })
  } catch {
    return undefined
  }
}

class WasmSums implements OnesComplement {
  readonly view: DataView
  readonly #sum: Sum
  readonly #copyAndSum: Sum

  constructor(view: DataView, sum: Sum, copyAndSum: Sum) {
    this.view = view
    this.#sum = sum
    this.#copyAndSum = copyAndSum
  }

  sum(offset: number, length: number): number {
    return bigEndian(this.#sum(offset, 0, length))
  }

  copyAndSum(from: number, to: number, length: number): number {
    return bigEndian(this.#copyAndSum(from, to, length))
  }
}

/** WebAssembly reads words with the low byte first. The sum of swapped words is the swapped sum (RFC 1071 §2 (B)). */
function bigEndian(sum: number): number {
  const folded = foldSum(sum)
  return ((folded & 0xff) << 8) | (folded >>> 8)
}

class PlainSums implements OnesComplement {
  readonly view: DataView
  readonly #memory: Uint8Array

  constructor(view: DataView) {
    this.view = view
    this.#memory = new Uint8Array(view.buffer)
  }

  sum(offset: number, length: number): number {
    return onesComplementSum(this.view, offset, length)
  }

  copyAndSum(from: number, to: number, length: number): number {
    this.#memory.copyWithin(to, from, from + length)
    return onesComplementSum(this.view, to, length)
  }
}
