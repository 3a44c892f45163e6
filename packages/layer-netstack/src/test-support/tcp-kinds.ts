import { loadNative } from '@millrace/native'

export interface TcpKind {
  readonly kind: string
  readonly native: boolean
}

/** The kinds of TCP outlets that there are on this machine. */
export const TCP_KINDS: readonly TcpKind[] = [
  { kind: 'system calls', native: true },
  { kind: 'node:net', native: false },
].filter(({ native }) => !native || loadNative().system !== undefined)
