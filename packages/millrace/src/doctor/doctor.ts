import type { Runtime } from '@millrace/core'
import type { Finding } from './finding.ts'
import { cryptography, egress, openFiles, pingSockets, systemCalls, tunDevice, wire } from './machine.ts'
import { selfTest } from './self-test.ts'

export interface DoctorOptions {
  /** UDP port that a gateway is to listen on. */
  readonly port: number
  /** Addresses that clients are to leave from; none for the host's own. */
  readonly egressIps: readonly string[]
  readonly runtime: Runtime
}

/** Looks at all that a gateway needs or can use here, and tries it. */
export async function examine({ port, egressIps, runtime }: DoctorOptions): Promise<readonly Finding[]> {
  const findings = [
    cryptography(),
    systemCalls(),
    await wire(port),
    tunDevice(),
    pingSockets(),
    openFiles(),
    ...(await egress(egressIps)),
    await selfTest(runtime),
  ]
  return findings.filter((finding) => finding !== undefined)
}
