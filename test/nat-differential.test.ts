import { readFileSync } from 'node:fs'
import { canEnterNetworkNamespace } from '@millrace/native/testing'
import { describe, expect, test } from 'vitest'
import { DIFFERENCES, differenceOf } from './support/nat-differential-differences.ts'
import { KernelNat } from './support/nat-differential-kernel.ts'
import { LayerNat } from './support/nat-differential-layer.ts'
import { play } from './support/nat-differential-play.ts'
import { script } from './support/nat-differential-script.ts'
import { missingForNamespaces, needs } from './support/netns.ts'

const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const ROUNDS = Number(process.env['MILLRACE_ROUNDS'] ?? 4)

const DOCUMENT = new URL('../docs/nat.md', import.meta.url)

const koffi = canEnterNetworkNamespace() ? [] : ['root and koffi']
const missing = [...missingForNamespaces('nft'), ...koffi]

describe.skipIf(missing.length > 0)(`nat() and the kernel's masquerade, packet by packet${needs(missing)}`, () => {
  test(`forward the same, as the same bytes but for port choice, and drop the same; seed ${SEED}`, async () => {
    const steps = script(SEED, ROUNDS)
    const layer = await LayerNat.start(SEED)
    const kernel = await KernelNat.start()
    try {
      const theirs = play(kernel, steps)
      const ours = play(layer, steps)
      const played = steps.map(({ scenario, shot }, i) => ({
        step: `${scenario} / ${shot.label} ${shot.direction}`,
        ours: ours[i] ?? 'not played',
        theirs: theirs[i] ?? 'not played',
      }))
      const differing = played.filter((step) => step.ours !== step.theirs)
      const unknown = differing.filter((step) => differenceOf(step) === undefined)
      expect(unknown.map(({ step, ours, theirs }) => `${step}\n  ours   ${ours}\n  theirs ${theirs}`)).toEqual([])
      // What is listed as a difference is one.
      const seen = new Set(differing.map(differenceOf))
      expect(DIFFERENCES.filter((known) => !seen.has(known)).map(({ step }) => step)).toEqual([])
      // Two that drop everything would agree as well; and whatever is done to a flow, it goes on.
      const exchanges = played.filter(({ step }) => /\/ (request up|answer down)$/.test(step))
      expect(exchanges.length).toBeGreaterThan(300)
      expect(exchanges.filter((step) => step.ours === 'dropped')).toEqual([])
    } finally {
      await kernel.close()
      await layer.close()
    }
  }, 60_000)
})

test('each difference is in docs/nat.md, with its reason', () => {
  const section = readFileSync(DOCUMENT, 'utf8').split("## Differences from the kernel's\n")[1]?.split('\n## ')[0] ?? ''
  const documented = [...section.matchAll(/^\| (.+?) \| .+ \| .+ \|$/gm)].map(([, name]) => name).slice(1)
  expect(new Set(documented)).toEqual(new Set(DIFFERENCES.map(({ name }) => name)))
})
