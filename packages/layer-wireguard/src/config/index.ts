export type { HostPort, InterfaceAddress, InterfaceConfig, ParsedConfig, PeerConfig } from './config.ts'
export { EndpointResolver, type EndpointResolverOptions, type Lookup } from './endpoint-resolver.ts'
export { formatConfig } from './format-config.ts'
export { parseConfig } from './parse-config.ts'
