import { Errno, SO_ATTACH_FILTER, SO_DETACH_FILTER, SOL_SOCKET, type SystemCalls } from '@millrace/native'
import { type Aggregate, maskOf } from './aggregates.ts'

// Classic BPF (linux/filter.h): struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }, struct sock_fprog { u16 len; ptr }.
const LOAD_BYTE = 0x30
const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_ABOVE_OR_EQUAL = 0x35
const AND = 0x54
const RETURN = 0x06
/** SKF_NET_OFF: from here on offsets are those of the IP header. */
const NETWORK_HEADER = 0xfff0_0000
const SOURCE_IPV4 = 12
const SOURCE_IPV6 = 8
/** SKF_AD_OFF + SKF_AD_RANDOM: not of the packet, but a random word. */
const RANDOM_WORD = 0xffff_f038
const WHOLE = 0xffff_ffff
/** A filter of a UDP socket sees the UDP header too. */
const UDP_HEADER = 8
const INSTRUCTION = 8
const PROGRAM = 16

/** What is lost: of the datagrams that begin with one of these bytes and come from one of these prefixes, all but a part. */
export interface Admission {
  /** The part that is let in, 0 to 1. */
  readonly share: number
  readonly firstBytes: readonly number[]
  readonly from: readonly Aggregate[]
}

/** From now on the kernel loses that, and lets in everything else but empty datagrams. Or a negated errno. */
export function letIn(system: SystemCalls, { fd, family }: FilteredSocket, admission: Admission): number {
  const { share, firstBytes, from } = admission
  const prefixes = from.filter((prefix) => prefix.family === family)
  if (share >= 1 || prefixes.length === 0) return detach(system, fd)
  const bytes = programOf(family, share, firstBytes, prefixes)
  const header = new DataView(new ArrayBuffer(PROGRAM))
  header.setUint16(0, bytes.length / INSTRUCTION, true)
  header.setBigUint64(8, BigInt(system.addressOf(bytes)), true)
  const address = system.addressOf(new Uint8Array(header.buffer))
  return system.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address, PROGRAM)
}

interface FilteredSocket {
  readonly fd: number
  readonly family: 4 | 6
}

/** Jumps are written as what is to be done, and become distances in the end. */
type Jump = 'next' | 'prefix' | 'draw' | 'lose'

interface Instruction {
  readonly code: number
  readonly value: number
  readonly ifTrue?: Jump
  readonly ifFalse?: Jump
  /** What is done from here on. */
  readonly label?: Jump
}

function programOf(
  family: 4 | 6,
  share: number,
  firstBytes: readonly number[],
  prefixes: readonly Aggregate[],
): Uint8Array {
  const source = NETWORK_HEADER + (family === 4 ? SOURCE_IPV4 : SOURCE_IPV6)
  const program: Instruction[] = [
    { code: LOAD_BYTE, value: UDP_HEADER },
    ...firstBytes.map((value) => ({ code: JUMP_EQUAL, value, ifTrue: 'prefix' }) as const),
    { code: RETURN, value: WHOLE },
    ...prefixes.flatMap(({ high, low, length }): Instruction[] => [
      { code: LOAD_WORD, value: source, label: 'prefix' },
      { code: AND, value: maskOf(length) },
      { code: JUMP_EQUAL, value: high, ifTrue: length > 32 ? 'next' : 'draw', ifFalse: 'prefix' },
      ...(length > 32 ? lowerWord(source, low, length) : []),
    ]),
    { code: RETURN, value: WHOLE, label: 'prefix' },
    { code: LOAD_WORD, value: RANDOM_WORD, label: 'draw' },
    { code: JUMP_ABOVE_OR_EQUAL, value: Math.floor(share * 2 ** 32), ifTrue: 'lose' },
    { code: RETURN, value: WHOLE },
    { code: RETURN, value: 0, label: 'lose' },
  ]
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION))
  for (const [i, { code, value, ifTrue = 'next', ifFalse = 'next' }] of program.entries()) {
    const distance = (jump: Jump): number =>
      jump === 'next' ? 0 : program.findIndex(({ label }, to) => to > i && label === jump) - i - 1
    view.setUint16(i * INSTRUCTION, code, true)
    view.setUint8(i * INSTRUCTION + 2, distance(ifTrue))
    view.setUint8(i * INSTRUCTION + 3, distance(ifFalse))
    view.setUint32(i * INSTRUCTION + 4, value, true)
  }
  return new Uint8Array(view.buffer)
}

/** The rest of a prefix of IPv6 whose first word has been compared. */
function lowerWord(source: number, low: number, length: number): Instruction[] {
  return [
    { code: LOAD_WORD, value: source + 4 },
    { code: AND, value: maskOf(length - 32) },
    { code: JUMP_EQUAL, value: low, ifTrue: 'draw', ifFalse: 'prefix' },
  ]
}

function detach(system: SystemCalls, fd: number): number {
  const result = system.setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, system.addressOf(new Uint8Array(4)), 4)
  return result === -Errno.ENOENT ? 0 : result
}
