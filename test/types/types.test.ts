import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const root = here('../..')

/** What the compiler says of each misfit: the code, and what a person must find in it. */
const misfits: Readonly<Record<string, readonly [code: string, ...named: string[]]>> = {
  'nat-on-wireguard': ['TS2345', 'IpPacket', 'PeerPacket'],
  'plain-layer-on-wireguard': ['TS2345', 'IpPacket', 'PeerPacket'],
  'chain-on-wireguard': ['TS2345', 'IpPacket', 'PeerPacket'],
  'no-allowed-ips': ['TS2345', 'IpPacket', 'PeerPacket'],
  'no-wireguard': ['TS2345', 'PeerPacket', 'Datagram'],
  'wireguard-twice': ['TS2345', 'WireguardLayer', 'Datagram', 'PeerPacket'],
  'wireguard-above-allowed-ips': ['TS2345', 'WireguardLayer', 'Datagram', 'IpPacket'],
  'fork-to-another-kind': ['TS2345', 'PeerPacket', 'IpPacket'],
  'wire-for-a-host': ['TS2345', 'SimulatedUdp', 'Datagram', 'IpPacket'],
  'layer-of-two-kinds': ['TS2345', 'Layer<PeerPacket, IpPacket>'],
  'field-of-another-kind': ['TS2339', 'destinationPort', 'PeerPacket'],
  'remote-of-an-ip-packet': ['TS2339', 'remote', 'IpPacket'],
  'predicate-for-a-layer': ['TS2345', '(packet: IpPacket) => boolean', 'Line<IpPacket, IpPacket>'],
  'layer-not-called': ['TS2345', '() => DuplexLayer<PeerPacket, IpPacket>'],
  'filter-without-an-answer': ['TS2322', 'void', 'boolean'],
  'unfinished-stack': ['TS2339', 'start', 'Stack<Datagram>'],
}

interface Diagnostic {
  readonly line: number
  readonly code: string
  /** With the lines that explain it. */
  readonly text: string
}

const diagnostics = new Map<string, Diagnostic[]>()

beforeAll(async () => {
  const tsc = here('../../node_modules/.bin/tsc')
  const run = promisify(execFile)(tsc, ['--noEmit', '-p', here('misfits/tsconfig.json')], { cwd: root })
  const output = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  for (const text of output.split(/\n(?=\S)/)) {
    const [, file, line, code] = /^(\S+)\((\d+),\d+\): error (TS\d+): /.exec(text) ?? []
    if (file === undefined) continue
    const known = diagnostics.get(file) ?? []
    diagnostics.set(file, [...known, { line: Number(line), code: code as string, text: text.trimEnd() }])
  }
})

const sources = readdirSync(here('misfits')).filter((name) => name.endsWith('.ts'))

describe('a misfit does not compile', () => {
  test('every misfit is in the table', () => {
    expect(sources.map((name) => name.slice(0, -3)).toSorted()).toEqual(Object.keys(misfits).toSorted())
  })

  test.each(Object.entries(misfits))('%s: one short error, on its own line', (name, [code, ...named]) => {
    const file = `test/types/misfits/${name}.ts`
    const lines = readFileSync(here(`misfits/${name}.ts`), 'utf8').split('\n')
    const expected = lines.findIndex((line) => line.endsWith('// misfit')) + 1
    const found = diagnostics.get(file) ?? []
    expect(found.map((diagnostic) => [diagnostic.line, diagnostic.code])).toEqual([[expected, code]])
    const text = found[0]?.text ?? ''
    for (const name of named) expect(text).toContain(name)
    expect(text.split('\n').length).toBeLessThanOrEqual(7)
    expect(text.length).toBeLessThanOrEqual(800)
  })
})

test.each(readdirSync(here('fits')))('what fits compiles: %s', (name) => {
  expect(diagnostics.size).toBeGreaterThan(0)
  expect(diagnostics.get(`test/types/fits/${name}`) ?? []).toEqual([])
})
