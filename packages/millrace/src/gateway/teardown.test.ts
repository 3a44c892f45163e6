import { expect, test } from 'vitest'
import { Teardown } from './teardown.ts'

test('runs the last step first, all of them whatever fails, then tells the first error; and once', async () => {
  const ran: string[] = []
  const teardown = new Teardown()
  teardown.add(() => void ran.push('first'))
  teardown.add(() => {
    ran.push('second')
    throw new Error('second failed')
  })
  teardown.add(async () => {
    ran.push('third')
    throw new Error('third failed')
  })
  await expect(teardown.run()).rejects.toThrow('third failed')
  expect(ran).toEqual(['third', 'second', 'first'])
  await teardown.run()
  expect(ran).toHaveLength(3)
})
