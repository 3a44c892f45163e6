import { ConfigurationError, formatPrefix } from '@millrace/core'
import { encodeKey } from '../keys.ts'
import type { InterfaceConfig, ParsedConfig, PeerConfig } from './config.ts'
import { formatHostPort } from './format-host-port.ts'
import { hasControlCharacter, nameIn, trimmed } from './text.ts'

/**
 * Writes what `parseConfig` reads: the same comes back. What is as by default is left out. Throws a ConfigurationError
 * where a name or a command would not come back, so that neither can smuggle a line in.
 */
export function formatConfig(config: ParsedConfig): string {
  const sections = [interfaceLines(config.interface), ...config.peers.map(peerLines)]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function interfaceLines(config: InterfaceConfig): readonly string[] {
  const { privateKey, listenPort, fwmark, addresses, dns, dnsSearch, mtu, table, saveConfig } = config
  return [
    '[Interface]',
    `PrivateKey = ${encodeKey(privateKey)}`,
    ...(listenPort === 0 ? [] : [`ListenPort = ${listenPort}`]),
    ...(fwmark === 0 ? [] : [`FwMark = 0x${fwmark.toString(16)}`]),
    ...addresses.map(({ address, prefixLength }) => `Address = ${address}/${prefixLength}`),
    ...[...dns, ...dnsSearch].map((item) => `DNS = ${item}`),
    ...(mtu === undefined ? [] : [`MTU = ${mtu}`]),
    ...(table === 'auto' ? [] : [`Table = ${table}`]),
    ...commandLines('PreUp', config.preUp),
    ...commandLines('PostUp', config.postUp),
    ...commandLines('PreDown', config.preDown),
    ...commandLines('PostDown', config.postDown),
    ...(saveConfig ? ['SaveConfig = true'] : []),
  ]
}

function commandLines(key: string, commands: readonly string[]): readonly string[] {
  return commands.map((command) => {
    const isPlain = trimmed(command) === command && !/[#\n]/.test(command) && !hasControlCharacter(command)
    if (isPlain) return `${key} = ${command}`
    throw new ConfigurationError(`${key}: expected one line without # and control characters`)
  })
}

function peerLines(peer: PeerConfig): readonly string[] {
  const { name, publicKey, presharedKey, allowedIps, endpoint, persistentKeepalive } = peer
  if (name !== undefined && (name.includes('\n') || nameIn(name) !== name)) {
    throw new ConfigurationError(
      `peer name: expected one line of 1 to 64 characters without =, got ${JSON.stringify(name)}`,
    )
  }
  return [
    '[Peer]',
    ...(name === undefined ? [] : [`# ${name}`]),
    `PublicKey = ${encodeKey(publicKey)}`,
    ...(presharedKey === undefined ? [] : [`PresharedKey = ${encodeKey(presharedKey)}`]),
    ...allowedIps.map((prefix) => `AllowedIPs = ${formatPrefix(prefix)}`),
    ...(endpoint === undefined ? [] : [`Endpoint = ${formatHostPort(endpoint)}`]),
    ...(persistentKeepalive === 0 ? [] : [`PersistentKeepalive = ${persistentKeepalive}`]),
  ]
}
