export { UapiError } from './errno.ts'
export { serveUapi, type UapiServer, type UapiServerOptions } from './server.ts'
export { UapiSession, type UapiSessionOptions } from './session.ts'
export type { UapiPeer, UapiTarget } from './target.ts'
