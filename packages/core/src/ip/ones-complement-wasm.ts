// A WebAssembly module of two functions, put together here byte by byte as the WebAssembly core specification 2.0 has
// it (§5 binary format), because nothing is compiled when Millrace is installed. Both are
//
//     (from: i32, to: i32, length: i32) -> i32
//
// and return the sum of the little-endian 16-bit words in memory[from, from + length), not folded; an odd last byte is
// the low one of its word. `copyAndSum` also writes the bytes to `to`, 16 at a time from the front; `sum` ignores it.

export type Sum = (from: number, to: number, length: number) => number

interface Sums {
  readonly sum: Sum
  readonly copyAndSum: Sum
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer
}

/** What is used of the engine's `WebAssembly`; Node's types have none. */
export interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: object }
}

/** The functions over `memory`, or undefined where the engine has no SIMD. */
export function instantiateSums(memory: WasmMemory, webAssembly: WebAssemblyApi | null): Sums | undefined {
  if (!webAssembly?.validate(bytes)) return undefined
  const module = new webAssembly.Module(bytes)
  return new webAssembly.Instance(module, { pool: { memory } }).exports as Sums
}

type Code = readonly number[]

/** Numbers are LEB128 (§5.2.2): seven bits a byte, low ones first. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

/** A constant from 0 to 8,191. It is read as signed: bit 6 of the last byte would make it negative. */
function constant(value: number): Code {
  return [0x41, ...(value < 0x40 ? [value] : [(value & 0x7f) | 0x80, value >>> 7])] // i32.const
}

const get = (local: number): Code => [0x20, local] // local.get
const set = (local: number): Code => [0x21, local] // local.set
const vector = (operation: number, ...rest: Code): Code => [0xfd, ...unsigned(operation), ...rest]

const I32 = 0x7f
const V128 = 0x7b
const NO_RESULT = 0x40
const END = 0x0b

const FROM = 0
const TO = 1
const LENGTH = 2
const TOTAL = 3
const CHUNK = 4
/** Never set: locals begin as zero. */
const ZERO = 5

/** Adds the words of CHUNK, two by two, to the four 32-bit lanes of TOTAL. 65,575 bytes add less than 2^30 to a lane. */
const addChunk: Code = [
  ...get(TOTAL),
  ...get(CHUNK),
  ...vector(0x7f), // i32x4.extadd_pairwise_i16x8_u
  ...vector(0xae), // i32x4.add
  ...set(TOTAL),
]

/** Sixteen bytes, `at` behind FROM, go to the same place behind TO if wanted, and into TOTAL. */
function takeSixteen(at: number, copies: boolean): Code {
  const load = [...get(FROM), ...vector(0, 0, at)] // v128.load, any alignment
  const store = [...get(TO), ...get(CHUNK), ...vector(11, 0, at)] // v128.store
  return [...load, ...set(CHUNK), ...(copies ? store : []), ...addChunk]
}

/** 8, 4, 2 or 1 bytes, the rest of the sixteen being zero. */
function takeFew(size: number, copies: boolean): Code {
  const load = [...get(FROM), ...get(ZERO), ...vector(0x54 + Math.log2(size), 0, 0, 0)] // v128.load{8,16,32,64}_lane 0
  const store = [...get(TO), ...get(CHUNK), ...vector(0x58 + Math.log2(size), 0, 0, 0)] // v128.store{8,16,32,64}_lane 0
  return [...load, ...set(CHUNK), ...(copies ? store : []), ...addChunk]
}

function advance(size: number): Code {
  const from = [...get(FROM), ...constant(size), 0x6a, ...set(FROM)] // i32.add
  const to = [...get(TO), ...constant(size), 0x6a, ...set(TO)] // i32.add
  return [...from, ...to]
}

/** `body` as long as there are `size` bytes left. */
function whileAtLeast(size: number, body: Code): Code {
  return [
    ...[0x02, NO_RESULT], // block
    ...[0x03, NO_RESULT], // loop
    ...[...get(LENGTH), ...constant(size), 0x49], // i32.lt_u
    ...[0x0d, 1], // br_if to the end of the block
    ...body,
    ...advance(size),
    ...[...get(LENGTH), ...constant(size), 0x6b, ...set(LENGTH)], // i32.sub
    ...[0x0c, 0], // br to the loop's begin
    ...[END, END],
  ]
}

/** `body` if bit `size` of what is left is set. */
function ifLeft(size: number, body: Code): Code {
  const condition = [...get(LENGTH), ...constant(size), 0x71] // i32.and
  return [...condition, 0x04, NO_RESULT, ...body, ...advance(size), END] // if
}

function sumFunction(copies: boolean): Code {
  return [
    ...[1, 3, V128], // locals: three vectors
    ...whileAtLeast(
      64,
      [0, 16, 32, 48].flatMap((at) => takeSixteen(at, copies)),
    ),
    ...whileAtLeast(16, takeSixteen(0, copies)),
    ...[8, 4, 2, 1].flatMap((size) => ifLeft(size, takeFew(size, copies))),
    ...[...get(TOTAL), ...vector(27, 0)], // i32x4.extract_lane 0
    ...[1, 2, 3].flatMap((lane) => [...get(TOTAL), ...vector(27, lane), 0x6a]), // i32x4.extract_lane, i32.add
    END,
  ]
}

const sized = (content: Code): Code => [...unsigned(content.length), ...content]
const list = (...items: readonly Code[]): Code => [items.length, ...items.flat()]
const section = (id: number, content: Code): Code => [id, ...sized(content)]
const name = (text: string): Code => sized([...new TextEncoder().encode(text)])

const bytes: Uint8Array = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d], // \0asm
  ...[1, 0, 0, 0], // version
  ...section(1, list([0x60, ...list([I32], [I32], [I32]), ...list([I32])])), // type 0, of both functions
  ...section(2, list([...name('pool'), ...name('memory'), 2, 0, 0])), // import: a memory of any size
  ...section(3, list([0], [0])), // two functions of type 0
  ...section(7, list([...name('sum'), 0, 0], [...name('copyAndSum'), 0, 1])), // exports
  ...section(10, list(sized(sumFunction(false)), sized(sumFunction(true)))), // code
])
