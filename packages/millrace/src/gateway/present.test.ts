import { publicKeyOf } from '@millrace/layer-wireguard'
import { describe, expect, test } from 'vitest'
import { clientConfig } from '../client/config-text.ts'
import { qrCode } from '../client/qr.ts'
import { makeState } from '../testing/state.ts'
import { describeGateway, type Presentation, presentGateway } from './present.ts'

const state = makeState({ egress: { mode: 'tun', address: '203.0.113.7' } }, ['client1'])
const [client1] = state.peers
const lines = ['udp', 'wireguard', 'allowedIps', 'my-own-layer', 'nat', 'tun']
const shown: Presentation = {
  state,
  lines,
  outer: 'eth0',
  egressIps: ['203.0.113.7'],
  firstPeer: client1,
  directory: '/state',
}

describe('presentGateway', () => {
  test('draws every line in its order, then the egress IP, then the first client with its QR code', () => {
    const text = presentGateway(shown)
    const config = clientConfig(state, client1!)
    const inOrder = [
      ...lines.map((line) => `│  ${line}`),
      'from 203.0.113.7\n',
      config,
      qrCode(config),
      'millrace peer add',
    ]
    const places = inOrder.map((part) => text.indexOf(part))
    expect(places).not.toContain(-1)
    expect(places).toEqual([...places].sort((a, b) => a - b))
  })

  test('repeats no secret on a later run', () => {
    const text = presentGateway({ ...shown, firstPeer: undefined })
    expect(text).toContain('from 203.0.113.7')
    for (const secret of [state.privateKey, client1!.privateKey, client1!.presharedKey]) {
      expect(text).not.toContain(secret)
    }
  })

  test('in kernel mode says what it knows of the address', () => {
    const kernel = { ...shown, state: { ...state, egress: { mode: 'kernel' } as const }, egressIps: [] }
    expect(presentGateway(kernel)).toContain('the Internet, from the address of eth0')
  })

  test('rootless names no interface, and all addresses', () => {
    const egress = { mode: 'rootless', addresses: [], allow: [], deny: [] } as const
    const rootless = {
      ...shown,
      state: { ...state, egress },
      outer: undefined,
      egressIps: ['203.0.113.7', '2001:db8::7'],
    }
    expect(presentGateway(rootless)).toContain('the Internet, from 203.0.113.7 and 2001:db8::7')
    expect(describeGateway(rootless)).not.toHaveProperty('outer')
    expect(describeGateway(rootless)).not.toHaveProperty('interface')
  })
})

test('describeGateway is the same for programs', () => {
  expect(JSON.parse(JSON.stringify(describeGateway({ ...shown, firstPeer: undefined })))).toEqual({
    event: 'ready',
    stack: lines,
    publicKey: publicKeyOf(state.privateKey),
    endpoint: '198.51.100.5:51820',
    egress: 'tun',
    egressIps: ['203.0.113.7'],
    outer: 'eth0',
    interface: 'millrace0',
    subnet: '10.7.0.0/24',
    peers: 1,
  })
  expect(describeGateway(shown)).toMatchObject({
    firstPeer: { name: 'client1', config: clientConfig(state, client1!) },
  })
})
