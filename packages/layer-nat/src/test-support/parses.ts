import { PacketPool, parseIp } from '@millrace/core'

const pool = new PacketPool({ slots: 1, jumboSlots: 1 })

/** Whether bytes are an IP packet as far as a stack looks: all others never reach a layer. */
export function parses(bytes: Uint8Array): boolean {
  const packet = pool.acquire(bytes.length)
  if (packet === undefined) throw new Error('larger than any packet')
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  const reason = parseIp(packet)
  packet.release()
  return reason === undefined
}
