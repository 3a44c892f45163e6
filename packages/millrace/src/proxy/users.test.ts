import { describe, expect, test } from 'vitest'
import { Users } from './users.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

test('lets in who is in the file, with the password there', () => {
  const users = Users.parse('# those of the office\nann:a:b\r\nbob:é\n\n', '--auth')
  for (const [name, password, isIn] of [
    ['ann', 'a:b', true],
    ['bob', 'é', true],
    ['ann', 'é', false],
    ['ann', 'a', false],
    ['ann:a', 'b', false],
    ['an', 'na:b', false],
    ['', '', false],
    ['# those of the office', '', false],
  ] as const) {
    expect([name, users.accepts(bytes(name), bytes(password))]).toEqual([name, isIn])
  }
})

describe('a file that cannot be', () => {
  test.each([
    ['\n# nobody\n', '--auth: expected lines of NAME:PASSWORD, got none'],
    ['ann', '--auth: expected NAME:PASSWORD, each of 1 to 255 bytes, in each line; entry 1 is not'],
    ['ann:x\n:x', '--auth: expected NAME:PASSWORD, each of 1 to 255 bytes, in each line; entry 2 is not'],
    ['ann:', '--auth: expected NAME:PASSWORD, each of 1 to 255 bytes, in each line; entry 1 is not'],
    [`ann:${'é'.repeat(128)}`, '--auth: expected NAME:PASSWORD, each of 1 to 255 bytes, in each line; entry 1 is not'],
    ['a:b\n'.repeat(1025), '--auth: expected at most 1024 lines'],
  ])('%j', (text, message) => {
    expect(() => Users.parse(text, '--auth')).toThrow(message)
  })
})
