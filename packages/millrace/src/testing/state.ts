import { generatePrivateKey } from '@millrace/layer-wireguard'
import { newPeer } from '../state/peers.ts'
import { type GatewayState, STATE_VERSION } from '../state/state.ts'

/** A state with new keys and clients of the given names. */
export function makeState(changes: Partial<GatewayState> = {}, names: readonly string[] = ['client1']): GatewayState {
  let state: GatewayState = {
    version: STATE_VERSION,
    privateKey: generatePrivateKey(),
    listenPort: 51_820,
    endpoint: '198.51.100.5:51820',
    egress: { mode: 'kernel' },
    subnet: '10.7.0.0/24',
    subnet6: 'fd12:3456:789a::/64',
    interface: 'millrace0',
    dns: [],
    peers: [],
    ...changes,
  }
  for (const name of names) state = { ...state, peers: [...state.peers, newPeer(state, name)] }
  return state
}
