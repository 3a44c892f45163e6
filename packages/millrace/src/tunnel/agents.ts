import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import type { TunnelSocket } from '@millrace/layer-netstack'
import type { TunnelConnectOptions } from './connect-arguments.ts'

/** Opens a connection through a tunnel. */
export type TunnelConnect = (options: TunnelConnectOptions) => TunnelSocket

type OnConnection = (error: Error | null, stream: Duplex) => void

/** An agent of `node:http` whose connections go through a tunnel. */
export class TunnelHttpAgent extends http.Agent {
  readonly #connect: TunnelConnect

  constructor(connect: TunnelConnect, options: http.AgentOptions) {
    super(options)
    this.#connect = connect
  }

  override createConnection(options: http.ClientRequestArgs): Duplex {
    return this.#connect(placeOf(options))
  }
}

/** An agent of `node:https` whose connections go through a tunnel; TLS, sessions and all, is Node's own. */
export class TunnelHttpsAgent extends https.Agent {
  readonly #connect: TunnelConnect

  constructor(connect: TunnelConnect, options: https.AgentOptions) {
    super(options)
    this.#connect = connect
  }

  override createConnection(options: https.RequestOptions, onConnection?: OnConnection): Duplex | null | undefined {
    const socket = this.#connect(placeOf(options))
    const secure = super.createConnection({ ...options, socket } as https.RequestOptions, onConnection)
    socket.on('error', (error) => secure?.destroy(error))
    return secure
  }
}

function placeOf({ host, port, family, localAddress }: http.ClientRequestArgs): TunnelConnectOptions {
  return {
    host: host ?? null,
    port: port ?? '',
    ...(family === undefined ? {} : { family }),
    ...(localAddress === undefined ? {} : { localAddress }),
  }
}
