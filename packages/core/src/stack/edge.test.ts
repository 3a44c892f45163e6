import { expect, test } from 'vitest'
import { silentLogger } from '../runtime/logger.ts'
import { Edge } from './edge.ts'

test('a layer that makes up names of drops without end fills no table', () => {
  const edge = new Edge('below', 'above', 'up', { open: true, logger: silentLogger })
  for (let i = 0; i < 1000; i++) edge.count(`reason-${i}`, 1)
  edge.count('reason-0', 1)
  const { drops } = edge.statistics()
  expect(drops['reason-0']).toBe(2)
  expect(drops['other']).toBe(1000 - 64)
  expect(Object.keys(drops)).toHaveLength(65)
})
