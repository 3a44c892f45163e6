import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAXIMUM_LINE, OperationParser } from './operation-parser.ts'

function stepsOf(...chunks: readonly (string | Uint8Array)[]): string[] {
  const parser = new OperationParser()
  const steps: string[] = []
  for (const chunk of chunks) {
    for (const step of parser.parse(Buffer.from(chunk as string))) {
      if (step.type === 'begin' || step.type === 'stray') steps.push(`${step.type} ${step.operation}`)
      else if (step.type === 'pair') steps.push(`${step.key}=${Buffer.from(step.value).toString('latin1')}`)
      else steps.push(step.type)
    }
  }
  return steps
}

test('operations follow one another', () => {
  expect(stepsOf('get=1\n\nset=1\nfwmark=1\nx=a=b\n=\n\nget=1\n')).toEqual([
    'begin get',
    'end',
    'begin set',
    'fwmark=1',
    'x=a=b',
    '=',
    'end',
    'begin get',
  ])
})

test.each([
  ['\n', 'stray get'],
  ['get=2\n', 'stray get'],
  ['set=\n', 'stray set'],
  ['set=1\r\n', 'stray set'],
  [' get=1\n', 'stray get'],
  [`${'x'.repeat(10_000)}\n`, 'stray get'],
])('%j begins no operation', (text, expected) => {
  expect(stepsOf(text)).toEqual([expected])
})

test('a line that is not there yet is not there', () => {
  expect(stepsOf('set=1\nlisten_port=51')).toEqual(['begin set'])
  expect(stepsOf('set=1\nlisten_port=51', '82', '', '0\n')).toEqual(['begin set', 'listen_port=51820'])
})

test('the longest line passes, one byte more does not, whole or in pieces', () => {
  const longest = `k=${'v'.repeat(MAXIMUM_LINE - 2)}`
  expect(stepsOf('set=1\n', `${longest}\n`)).toEqual(['begin set', longest])
  expect(stepsOf('set=1\n', longest.slice(0, 100), `${longest.slice(100)}\n`)).toEqual(['begin set', longest])
  expect(stepsOf('set=1\n', `${longest}v\n\n`)).toEqual(['begin set', 'malformed', 'end'])
  expect(stepsOf('set=1\n', longest, 'v', '\n\n')).toEqual(['begin set', 'malformed', 'end'])
  expect(stepsOf('set=1\n', ...Array(1000).fill(longest), '\n', 'a=b\n')).toEqual(['begin set', 'malformed', 'a=b'])
})

test('any bytes, cut anywhere, give the same steps', () => {
  const piece = fc.oneof(
    fc.constantFrom('set=1\n', 'get=1\n', '\n', 'a=b\n', '=', `${'y'.repeat(300)}=1\n`),
    fc.uint8Array({ maxLength: 40 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(1000), { maxLength: 10 }), (pieces, cuts) => {
      const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)))
      const at = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length]
      const chunks = at.slice(1).map((end, i) => whole.subarray(at[i], end))
      expect(stepsOf(...chunks)).toEqual(stepsOf(whole))
    }),
    { numRuns: 2000 },
  )
})
