import { ipv4, ipv6, type Transport } from '@millrace/core/testing'

/** The client's address and that of somebody outside, by family. */
export const CLIENT = { 4: '10.0.0.2', 6: 'fd00::2' } as const
export const OUTSIDE = { 4: '198.51.100.7', 6: '2001:db8::7' } as const

export interface Ends {
  readonly source?: string
  readonly destination?: string
  readonly id?: number
}

/** A packet from the client to the outside, unless the ends say otherwise. */
export function up(family: 4 | 6, transport: Transport, ends: Ends = {}): Uint8Array {
  const both = { source: CLIENT[family], destination: OUTSIDE[family], ...ends }
  return family === 4 ? ipv4(both, transport) : ipv6(both, transport)
}

/** Bytes that differ from place to place. */
export function data(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed * 31) & 0xff)
}
