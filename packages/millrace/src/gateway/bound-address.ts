import { createSocket, type Socket } from 'node:dgram'

/** Documentation addresses (RFC 5737, RFC 3849): a route to them is the default route. Nothing is sent there. */
const SOMEWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const

/** The address of this host from which a socket would reach the world, as far as it is one for the world; else undefined. */
export async function sourceAddress(family: 4 | 6): Promise<string | undefined> {
  const address = await withSocket(family, (socket, done) => socket.connect(9, SOMEWHERE[family], done))
  // A link-local or unique local address (RFC 4193) gets nowhere, and who waits for it is better told at once.
  return address === undefined || /^(fe[89ab]|f[cd])/i.test(address) ? undefined : address
}

/** Whether this host can send from the address. */
export async function canBind(address: string): Promise<boolean> {
  const family = address.includes(':') ? 6 : 4
  return (
    (await withSocket(family, (socket, done) => socket.bind({ address, port: 0, exclusive: true }, done))) !== undefined
  )
}

/** The socket's own address after `open`; undefined if that fails. */
function withSocket(
  family: 4 | 6,
  open: (socket: Socket, done: (error?: Error) => void) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 })
    const close = (address: string | undefined): void => {
      socket.close(() => resolve(address))
    }
    socket.once('error', () => close(undefined))
    open(socket, (error) => close(error === undefined ? socket.address().address : undefined))
  })
}
