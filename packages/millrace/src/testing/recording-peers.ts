import type { PeerOptions } from '@millrace/layer-wireguard'
import type { PeerControl } from '../gateway/reconcile.ts'

/** In place of a WireGuard layer's peers: keeps what was asked, as `add KEY`. */
export class RecordingPeers implements PeerControl {
  readonly calls: string[] = []

  add({ publicKey }: PeerOptions): void {
    this.calls.push(`add ${publicKey}`)
  }

  update(publicKey: string): void {
    this.calls.push(`update ${publicKey}`)
  }

  remove(publicKey: string): boolean {
    this.calls.push(`remove ${publicKey}`)
    return true
  }
}
