import type { Logger } from '@millrace/core'
import { UapiSession } from '../session.ts'
import type { UapiTarget } from '../target.ts'

/** Holds a whole conversation: sends `chunks`, then the end, and returns all answers. */
export async function converse(
  target: UapiTarget,
  chunks: readonly (string | Uint8Array)[],
  logger?: Logger,
): Promise<string> {
  const answers: string[] = []
  const session = new UapiSession({
    target,
    send: async (piece) => {
      answers.push(Buffer.from(piece).toString('latin1'))
      return true
    },
    ...(logger === undefined ? {} : { logger }),
  })
  for (const chunk of chunks) {
    if (!(await session.receive(Buffer.from(chunk as string)))) return answers.join('')
  }
  await session.finish()
  return answers.join('')
}
