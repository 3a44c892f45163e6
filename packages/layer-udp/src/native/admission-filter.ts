import { SO_ATTACH_FILTER, SO_DETACH_FILTER, SOL_SOCKET, type SystemCalls } from '@millrace/native'

// Classic BPF (linux/filter.h): struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }, struct sock_fprog { u16 len; ptr }.
const LOAD_BYTE = 0x30
const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_ABOVE_OR_EQUAL = 0x35
const RETURN = 0x06
/** SKF_AD_OFF + SKF_AD_RANDOM: not of the packet, but a random word. */
const RANDOM_WORD = 0xffff_f038
const WHOLE = 0xffff_ffff
/** A filter of a UDP socket sees the UDP header too. */
const UDP_HEADER = 8
const INSTRUCTION = 8
const PROGRAM = 16

/** From now on the kernel lets in this part, 0 to 1, of the datagrams that begin with one of these bytes. Or a negated errno. */
export function letIn(system: SystemCalls, fd: number, share: number, firstBytes: readonly number[]): number {
  if (share >= 1) return detach(system, fd)
  const random = firstBytes.length + 2
  const length = random + 4
  const program = new DataView(new ArrayBuffer(length * INSTRUCTION))
  const write = (at: number, code: number, value: number, ifTrue = 0, ifFalse = 0): void => {
    program.setUint16(at * INSTRUCTION, code, true)
    program.setUint8(at * INSTRUCTION + 2, ifTrue)
    program.setUint8(at * INSTRUCTION + 3, ifFalse)
    program.setUint32(at * INSTRUCTION + 4, value, true)
  }
  write(0, LOAD_BYTE, UDP_HEADER)
  for (const [i, byte] of firstBytes.entries()) write(i + 1, JUMP_EQUAL, byte, random - i - 2)
  write(random - 1, RETURN, WHOLE)
  write(random, LOAD_WORD, RANDOM_WORD)
  write(random + 1, JUMP_ABOVE_OR_EQUAL, Math.floor(share * 2 ** 32), 1)
  write(random + 2, RETURN, WHOLE)
  write(random + 3, RETURN, 0)
  const bytes = new Uint8Array(program.buffer)
  const header = new DataView(new ArrayBuffer(PROGRAM))
  header.setUint16(0, length, true)
  header.setBigUint64(8, BigInt(system.addressOf(bytes)), true)
  const address = system.addressOf(new Uint8Array(header.buffer))
  return system.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address, PROGRAM)
}

function detach(system: SystemCalls, fd: number): number {
  return system.setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, system.addressOf(new Uint8Array(4)), 4)
}
