import { workerData } from 'node:worker_threads'
import { makeFallback } from '@millrace/core'
import { loadNative, OPENSSL, ringerOf } from '@millrace/native'
import { aeads } from '../crypto/crypto.ts'
import { JobRing, NONE } from './job-ring.ts'
import { Performer } from './performer.ts'

/** What the owner of the ring gives to a worker. */
export interface WorkerData {
  readonly ring: SharedArrayBuffer
  /** The packet memory: address and bytes. */
  readonly address: number
  readonly size: number
  /** Name of the AEAD. */
  readonly cipher: string
  /** The owner's doorbell. */
  readonly doorbell: number
}

/** How often an idle worker looks for a job before it sleeps: about 20 µs. To be woken costs more, and the owner too. */
const LOOKS = 2000

const { ring: memory, address, size, cipher: name, doorbell } = workerData as WorkerData
const { system } = loadNative()
const openSsl = makeFallback(OPENSSL)
const cipher = [...aeads(openSsl)].find((aead) => aead.name === name)?.cipher
if (system === undefined || openSsl === undefined || cipher === undefined) {
  throw new Error(`the AEAD ${name} is not to be had on another thread`)
}
const ring = new JobRing(memory)
const ringDoorbell = ringerOf(system, doorbell)
const performer = new Performer(ring, openSsl.memoryAt(address, size), cipher)

let looks = 0
while (!ring.stopped) {
  const job = ring.claim()
  if (job !== NONE) {
    looks = 0
    performer.perform(job)
    if (ring.finish(job)) ringDoorbell()
  } else if (++looks > LOOKS) {
    performer.forget()
    ring.sleep()
    looks = 0
  }
}
performer.forget()
