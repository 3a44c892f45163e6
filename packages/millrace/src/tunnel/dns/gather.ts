import type { Clock } from '@millrace/core'

/**
 * What several questions about one thing bring: all of it, or what there is `delay` milliseconds after the first that
 * brings something (RFC 8305 §3), so that a server that is silent about one family does not hold up the other. Rejects
 * with the first failure if none brings anything.
 */
export async function gather<T>(
  questions: readonly Promise<readonly T[]>[],
  clock: Clock,
  delay: number,
): Promise<readonly T[]> {
  const answers: (readonly T[])[] = questions.map(() => [])
  const failures: unknown[] = []
  let found = (): void => {}
  const something = new Promise<void>((resolve) => {
    found = resolve
  })
  const all = questions.map(async (question, i) => {
    try {
      answers[i] = await question
      if (answers[i].length > 0) found()
    } catch (error) {
      failures.push(error)
    }
  })
  const timers: { cancel(): void }[] = []
  const soon = something.then(() => new Promise<void>((resolve) => void timers.push(clock.setTimer(delay, resolve))))
  await Promise.race([Promise.all(all), soon])
  for (const timer of timers) timer.cancel()
  const gathered = answers.flat()
  if (gathered.length === 0 && failures.length > 0) throw failures[0]
  return gathered
}
