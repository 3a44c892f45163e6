import { EnvironmentError } from '@millrace/core'
import { expect, test } from 'vitest'
import { readEgressOptions } from './egress-options.ts'
import { probeEgressAddresses } from './probe.ts'

const addresses = (...texts: string[]) => readEgressOptions({ addresses: texts }).addresses

test('addresses of this machine can be bound', async () => {
  await expect(probeEgressAddresses(addresses('127.0.0.1', '127.0.0.2', '::1'))).resolves.toBeUndefined()
})

test.each(['203.0.113.77', '2001:db8::77'])('%s, which is not of this machine, is named', async (address) => {
  const probing = probeEgressAddresses(addresses('127.0.0.1', address))
  await expect(probing).rejects.toThrow(EnvironmentError)
  await expect(probing).rejects.toThrow(`egress address ${address}: no interface of this machine has it`)
})
