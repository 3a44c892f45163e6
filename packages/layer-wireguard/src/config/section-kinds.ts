import type { InterfaceConfig, PeerConfig } from './config.ts'
import type { SectionKind } from './section.ts'
import { withoutSpaces } from './text.ts'
import {
  readBoolean,
  readDns,
  readEndpoint,
  readFwmark,
  readInterfaceAddress,
  readKeepalive,
  readKey,
  readNumber,
  readPrefix,
  readTable,
} from './values.ts'

/** A section while it is read: what it must have may still be missing. */
type Draft<T, Required extends keyof T> = {
  -readonly [K in keyof T]: K extends Required ? T[K] | undefined : T[K] extends readonly (infer I)[] ? I[] : T[K]
}
export type InterfaceDraft = Draft<InterfaceConfig, 'privateKey'>
export type PeerDraft = Draft<PeerConfig, 'publicKey'>

export function emptyInterface(): InterfaceDraft {
  return {
    privateKey: undefined,
    listenPort: 0,
    fwmark: 0,
    addresses: [],
    dns: [],
    dnsSearch: [],
    mtu: undefined,
    table: 'auto',
    preUp: [],
    postUp: [],
    preDown: [],
    postDown: [],
    saveConfig: false,
  }
}

export function emptyPeer(): PeerDraft {
  return {
    publicKey: undefined,
    presharedKey: undefined,
    allowedIps: [],
    endpoint: undefined,
    persistentKeepalive: 0,
    name: undefined,
  }
}

export const INTERFACE: SectionKind<InterfaceDraft> = {
  settings: {
    PrivateKey: (section, value, place) => {
      section.privateKey = readKey(value, place)
    },
    ListenPort: (section, value, place) => {
      section.listenPort = readNumber(value, 0, 65_535, place)
    },
    FwMark: (section, value, place) => {
      section.fwmark = readFwmark(value, place)
    },
    Address: (section, value, place) => {
      for (const item of words(value)) section.addresses.push(readInterfaceAddress(item, place))
    },
    DNS: (section, value, place) => {
      for (const item of words(value)) {
        const { text, isServer } = readDns(item, place)
        if (isServer) section.dns.push(text)
        else section.dnsSearch.push(text)
      }
    },
    MTU: (section, value, place) => {
      section.mtu = readNumber(value, 68, 65_535, place)
    },
    Table: (section, value, place) => {
      section.table = readTable(value, place)
    },
    PreUp: (section, value) => void section.preUp.push(value),
    PostUp: (section, value) => void section.postUp.push(value),
    PreDown: (section, value) => void section.preDown.push(value),
    PostDown: (section, value) => void section.postDown.push(value),
    SaveConfig: (section, value, place) => {
      section.saveConfig = readBoolean(value, place)
    },
  },
  lists: new Set(['Address', 'DNS', 'PreUp', 'PostUp', 'PreDown', 'PostDown']),
}

export const PEER: SectionKind<PeerDraft> = {
  settings: {
    PublicKey: (section, value, place) => {
      section.publicKey = readKey(value, place)
    },
    PresharedKey: (section, value, place) => {
      section.presharedKey = readKey(value, place)
    },
    AllowedIPs: (section, value, place) => {
      if (value === '') return // As in `wg`: none.
      for (const item of withoutSpaces(value).split(',')) section.allowedIps.push(readPrefix(item, place))
    },
    Endpoint: (section, value, place) => {
      section.endpoint = readEndpoint(value, place)
    },
    PersistentKeepalive: (section, value, place) => {
      section.persistentKeepalive = readKeepalive(value, place)
    },
  },
  lists: new Set(['AllowedIPs']),
}

/** wg-quick cuts its own lists at commas and spaces alike. */
function words(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((word) => word !== '')
}
