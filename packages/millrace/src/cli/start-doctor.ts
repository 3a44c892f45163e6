import { containerRuntime } from '../composition.ts'
import { examine } from '../doctor/doctor.ts'
import { presentFindings } from '../doctor/present.ts'
import type { DoctorCommandOptions } from './commands/doctor.ts'
import { print, printJson } from './output.ts'

/** Prints the findings. The process ends with 1 if something that a gateway needs has failed. */
export async function startDoctor({ listen, egressIp, json }: DoctorCommandOptions): Promise<void> {
  const findings = await examine({ port: listen, egressIps: egressIp, runtime: containerRuntime() })
  const isFit = findings.every(({ state }) => state !== 'failed')
  if (json) printJson({ fit: isFit, findings })
  else print(presentFindings(findings))
  if (!isFit) process.exitCode = 1
}
