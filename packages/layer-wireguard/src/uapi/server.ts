import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { ConfigurationError, EnvironmentError, type Logger, silentLogger } from '@millrace/core'
import { listening } from './listening.ts'
import { UapiSession } from './session.ts'
import { SocketFile } from './socket-file.ts'
import type { UapiTarget } from './target.ts'

export interface UapiServerOptions {
  /** Of the interface, 1 to 15 letters, digits and `_=+.-`: the socket is `DIRECTORY/NAME.sock`. */
  readonly name: string
  readonly target: UapiTarget
  /** Default `/var/run/wireguard`, where `wg` looks. */
  readonly directory?: string
  /** A unix socket that listens at that path already, by its file descriptor (WG_UAPI_FD). */
  readonly fd?: number
  readonly logger?: Logger
  /** Connections at one time; more are closed at once. Default 64. */
  readonly maximumConnections?: number
  /** A connection without a byte for this long is closed, milliseconds. Default 60,000. */
  readonly idleTimeout?: number
  /** The socket's file was removed or replaced by someone else, which asks the interface to end. Called once at most. */
  readonly onRemoved?: () => void
}

/** A running server of the configuration protocol. */
export interface UapiServer extends AsyncDisposable {
  readonly path: string
  /** Ends all connections and removes the socket's file if it is still ours. */
  close(): Promise<void>
}

/**
 * Serves the userspace configuration protocol (wireguard.com/xplatform) for `wg` and the like. Whoever may open the
 * socket has the interface in hand and sees its keys, so only its owner may. Throws an EnvironmentError if another
 * program answers there.
 */
export async function serveUapi(options: UapiServerOptions): Promise<UapiServer> {
  const { name, directory = '/var/run/wireguard', fd, logger = silentLogger, onRemoved } = options
  if (!/^[\w=+.-]{1,15}$/.test(name) || name === '.' || name === '..') {
    throw new ConfigurationError(
      `interface name: expected 1 to 15 letters, digits and _=+.-, got ${JSON.stringify(name.slice(0, 32))}`,
    )
  }
  const path = join(directory, `${name}.sock`)
  const connections = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => void converse(socket, options, connections))
  server.maxConnections = options.maximumConnections ?? 64
  const file = fd === undefined ? await SocketFile.claim(path, server) : await inherit(path, fd, server)
  // A connection that cannot be accepted is the client's loss only.
  server.on('error', (error) => logger.warn({ err: error }, 'uapi socket'))
  if (onRemoved !== undefined) watchFile(file, onRemoved, logger)
  return new RunningUapiServer(server, file, connections)
}

class RunningUapiServer implements UapiServer {
  readonly path: string
  readonly #server: Server
  readonly #file: SocketFile
  readonly #connections: ReadonlySet<Socket>
  #closed: Promise<void> | undefined

  constructor(server: Server, file: SocketFile, connections: ReadonlySet<Socket>) {
    this.path = file.path
    this.#server = server
    this.#file = file
    this.#connections = connections
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#file.remove()
      this.#server.close(() => resolve())
      for (const socket of this.#connections) socket.destroy()
    })
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function inherit(path: string, fd: number, server: Server): Promise<SocketFile> {
  try {
    await listening(server, () => server.listen({ fd }))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new EnvironmentError(`WG_UAPI_FD: file descriptor ${fd} is no listening unix socket (${code})`)
  }
  return new SocketFile(path)
}

function watchFile(file: SocketFile, onRemoved: () => void, logger: Logger): void {
  try {
    file.watch(onRemoved)
  } catch (error) {
    logger.warn({ err: error }, 'the removal of the uapi socket will go unnoticed')
  }
}

async function converse(socket: Socket, options: UapiServerOptions, connections: Set<Socket>): Promise<void> {
  const { target, logger = silentLogger, idleTimeout = 60_000 } = options
  connections.add(socket)
  socket.on('error', () => {}) // The loop below sees it, or there is nobody left to tell.
  socket.setTimeout(idleTimeout, () => socket.destroy())
  const session = new UapiSession({ target, logger, send: (piece) => sent(socket, piece) })
  try {
    let goesOn = true
    // Nothing more is read while a chunk is worked on: that is the bound on what waits.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      goesOn = await session.receive(chunk)
      chunk.fill(0)
      if (!goesOn) break
    }
    if (goesOn) await session.finish()
  } catch (error) {
    logger.debug({ err: error }, 'uapi connection ended')
  } finally {
    session.close()
    socket.destroy()
    connections.delete(socket)
  }
}

/** Waits until the system has taken the piece, then wipes it. False if nobody takes any more. */
function sent(socket: Socket, piece: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    socket.write(piece, (error) => {
      piece.fill(0)
      resolve(error === undefined || error === null)
    })
  })
}
