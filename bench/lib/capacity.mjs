// How much two threads of this machine do at once, of what sealing is: on shared cores anything between 1 and 2.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { chooseCrypto } from 'millrace'

const ROUNDS = 20_000

function seal() {
  const key = chooseCrypto().aead(new Uint8Array(32))
  const memory = new Uint8Array(new ArrayBuffer(1 << 20))
  return (count) => {
    const start = performance.now()
    for (let i = 0; i < count; i++) key.seal(0, i, memory, 128 + (i & 255) * 2048, 1424)
    return count / (performance.now() - start)
  }
}

let main
let worker

/** Messages sealed by two threads at once, of those that each seals alone. */
export async function parallelCapacity() {
  main ??= seal()
  if (worker === undefined) {
    worker = new Worker(new URL(import.meta.url))
    worker.unref()
    await ask(ROUNDS)
    main(ROUNDS)
  }
  const alone = main(ROUNDS)
  const workerAlone = await ask(ROUNDS)
  const answer = ask(ROUNDS)
  const together = main(ROUNDS)
  return together / alone + (await answer) / workerAlone
}

function ask(count) {
  return new Promise((resolve) => {
    worker.once('message', resolve)
    worker.postMessage(count)
  })
}

if (!isMainThread) {
  const run = seal()
  parentPort.on('message', (count) => parentPort.postMessage(run(count)))
}
