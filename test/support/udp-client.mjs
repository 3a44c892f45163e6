// Sends COUNT datagrams of SIZE bytes to ADDRESS:53, each when the answer to the one before has come or a second has
// passed, and prints how many came back the same. Usage: node udp-client.mjs ADDRESS COUNT SIZE
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [address, count, size] = process.argv.slice(2)
const socket = createSocket('udp4')
let same = 0
for (let i = 0; i < Number(count); i++) {
  const question = randomBytes(Number(size))
  socket.send(question, 53, address)
  const answer = await once(socket, 'message', { signal: AbortSignal.timeout(1000) }).catch(() => [])
  if (answer[0]?.equals(question)) same++
}
console.log(same)
socket.close()
