import { expect, test } from 'vitest'
import { soundOffloads } from './sound-offloads.ts'

test.each([
  ['4.19.0-27-amd64', true, false],
  ['5.4.0', true, false],
  ['5.11.22-arch1', true, false],
  ['5.12.0', true, true],
  ['6.1.0-37-amd64', true, true],
  ['6.18.44', true, true],
  ['7.0', false, true],
  ['7.0.9-1', false, true],
  ['7.1.4', false, true],
  ['7.1.5', true, true],
  ['7.2-rc1', true, true],
  ['something else', true, false],
])('Linux %s: trains out %s, in %s', (release, send, receive) => {
  expect(soundOffloads(release)).toEqual({ send, receive })
})
