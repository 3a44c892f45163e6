import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { formatWithOptions, promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

// The documentation is a contract: every block of TypeScript compiles as it stands, and prints what the text says.

const root = fileURLToPath(new URL('../..', import.meta.url))
const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))

interface Block {
  readonly document: string
  /** From its first line: `// no-mail.ts`. Other blocks import it by that name. */
  readonly file: string
  readonly code: string
  readonly prints: string
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, 'docs', document), 'utf8')
  const found = text.matchAll(/^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)
  return [...found].map(([, code = '', prints = '']) => {
    const file = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1]
    if (file === undefined) throw new Error(`${document}: a block does not begin with its name:\n${code}`)
    return { document, file, code, prints }
  })
}

const blocks = documents.flatMap(blocksOf)
let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  for (const { file, code } of blocks) writeFileSync(join(directory, file), code)
  const config = {
    extends: join(root, 'tsconfig.test.json'),
    compilerOptions: { rootDir: '/', incremental: false, noUnusedLocals: false, pretty: false },
    include: ['*.ts'],
  }
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the guides have blocks', () => {
  const guides = ['packet-ownership.md', 'simulation.md', 'writing-a-layer.md']
  expect(documents.filter((name) => blocks.some(({ document }) => document === name))).toEqual(
    expect.arrayContaining(guides),
  )
})

test('no two blocks have the same name', () => {
  const names = blocks.map(({ file }) => file)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

test('every block compiles', async () => {
  const tsc = join(root, 'node_modules/.bin/tsc')
  const { stdout } = await promisify(execFile)(tsc, ['--noEmit', '-p', directory]).catch((error) => error)
  expect(stdout).toBe('')
})

describe.each([...new Set(blocks.map(({ document }) => document))])('%s', (name) => {
  test.each(blocks.filter(({ document }) => document === name))('$file prints what the text says', async (block) => {
    const lines: string[] = []
    const log = vi.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
      lines.push(`${formatWithOptions({ breakLength: 120 }, ...values)}\n`)
    })
    try {
      await import(/* @vite-ignore */ pathToFileURL(join(directory, block.file)).href)
    } finally {
      log.mockRestore()
    }
    expect(lines.join('')).toBe(block.prints)
  })
})
