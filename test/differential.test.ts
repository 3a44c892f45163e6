import { canEnterNetworkNamespace } from '@millrace/native/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { differenceAllowed, STRICTER } from './support/differential-differences.ts'
import { ALL_KINDS, script } from './support/differential-script.ts'
import { Side } from './support/differential-side.ts'
import { MILLRACE_PROGRAM, WIREGUARD_GO } from './support/differential-subject.ts'
import { missingForNamespaces, needs } from './support/netns.ts'

const ENOUGH = 2000
const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const STEPS = Number(process.env['MILLRACE_STEPS'] ?? ENOUGH)

const koffi = canEnterNetworkNamespace() ? [] : ['root and koffi']
const missing = [...missingForNamespaces('wireguard-go', 'taskset'), ...koffi]

describe.skipIf(missing.length > 0)(`Millrace and wireguard-go, under the same attacks${needs(missing)}`, () => {
  const sides: Side[] = []
  afterEach(async () => {
    for (const side of sides.splice(0)) await side.close()
  })

  test(`take and drop the same of ${STEPS} steps, seed ${SEED}`, async () => {
    const steps = script(SEED, STEPS)
    for (const program of [MILLRACE_PROGRAM, WIREGUARD_GO]) sides.push(await Side.start(program, SEED))
    const [millrace = [], wireguardGo = []] = await Promise.all(sides.map((side) => side.play(steps)))

    const played = steps.map(({ kind, stepClass, seed }, i) => {
      const [ours, theirs] = [millrace[i] ?? 'not played', wireguardGo[i] ?? 'not played']
      return { kind, stepClass, ours, theirs, line: `step ${i} (${kind}, ${seed}): ours ${ours}, theirs ${theirs}` }
    })
    expect(played.filter((step) => !differenceAllowed(step)).map(({ line }) => line)).toEqual([])
    // Two that drop everything would agree as well.
    const valid = played.filter(({ kind, stepClass }) => kind.startsWith('valid') && stepClass !== 'episode')
    expect(valid.filter(({ ours }) => ours.includes('dropped')).map(({ line }) => line)).toEqual([])
    if (STEPS < ENOUGH) return
    expect(new Set(played.map(({ kind }) => kind))).toEqual(new Set(ALL_KINDS))
    const differing = new Set(played.filter(({ ours, theirs }) => ours !== theirs).map(({ kind }) => kind))
    expect(STRICTER.map(({ kind }) => kind).filter((kind) => !differing.has(kind))).toEqual([])
  }, 600_000)
})
