import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Namespace, Program } from './netns.ts'
import type { ScenarioEnd } from './scenario-end.ts'

const SINK = fileURLToPath(new URL('scenario-sink.mjs', import.meta.url))
const SOURCE = fileURLToPath(new URL('scenario-source.mjs', import.meta.url))
/** Of IP and UDP, so that a datagram fills a packet of the interface's MTU. */
const HEADERS = { ipv4: 28, ipv6: 48 } as const

/** What came of a flood of datagrams. */
export interface Arrived {
  readonly whole: number
  readonly broken: number
  readonly twice: number
}

/** Starts what takes TCP streams and datagrams in a namespace. */
export async function startSink(namespace: Namespace): Promise<Program> {
  const sink = namespace.start('node', SINK)
  await sink.printed(/ready/)
  return sink
}

/**
 * A flood of echo requests, each as soon as the answer to the one before is there, until there are so many answers.
 * Returns how many were sent.
 */
export async function pingFlood(from: ScenarioEnd, address: string, count: number): Promise<number> {
  // Without a deadline it gives the last answer only twice the time that the others took.
  const output = await from.namespace.exec('ping', '-n', '-q', '-f', '-c', String(count), '-w', '10', address)
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? []
  expect(Number(received), output).toBeGreaterThanOrEqual(count)
  return Number(sent)
}

/** A TCP stream, compared by its sha256. */
export async function tcpStream(from: ScenarioEnd, address: string, bytes: number): Promise<void> {
  expect(await from.namespace.exec('node', SOURCE, 'tcp', address, String(bytes))).toBe('same\n')
}

/** Datagrams as fast as they go: some may be lost, but what arrives is whole and arrives once. */
export async function udpFlood(
  from: ScenarioEnd,
  to: ScenarioEnd,
  family: 'ipv4' | 'ipv6',
  bytes: number,
  mtu: number,
): Promise<Arrived> {
  const size = mtu - HEADERS[family]
  const output = await from.namespace.exec('node', SOURCE, 'udp', to[family], String(bytes), String(size))
  const arrived: Arrived = JSON.parse(output)
  expect(arrived).toEqual({ whole: expect.any(Number), broken: 0, twice: 0 })
  expect(arrived.whole).toBeGreaterThan(0)
  expect(arrived.whole).toBeLessThanOrEqual(Math.ceil(bytes / size))
  return arrived
}

/** A single datagram of this text. */
export async function oneDatagram(from: ScenarioEnd, address: string, text: string): Promise<void> {
  await from.namespace.exec('node', SOURCE, 'one', address, text)
}
