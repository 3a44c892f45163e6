import { clientConfig } from '../client/config-text.ts'
import { qrCode } from '../client/qr.ts'
import type { GatewayState, PeerRecord } from '../state/state.ts'
import { print, printJson } from './output.ts'

/** One client with its configuration: as wg-quick reads it, as a QR code, or as JSON. */
export function printPeer(
  state: GatewayState,
  peer: PeerRecord,
  { qr, json }: { readonly qr?: true; readonly json?: true },
): void {
  const config = clientConfig(state, peer)
  if (json) printJson({ ...describePeer(peer), config })
  else print(qr ? qrCode(config) : config)
}

/** What may be told of a client to anybody: no secrets. */
export function describePeer(peer: PeerRecord): object {
  const { name, address, address6, publicKey } = peer
  return { name, address, address6, publicKey }
}
