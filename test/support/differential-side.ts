import { enterNetworkNamespace } from '@millrace/native/testing'
import { play } from './differential-player.ts'
import { Rig } from './differential-rig.ts'
import { ATTACKED_PEERS, type Step } from './differential-script.ts'
import { Subject, type SubjectProgram } from './differential-subject.ts'

/** One implementation in a namespace of its own, and the attacker's sockets in there with it. */
export class Side {
  static #count = 0
  readonly #program: SubjectProgram
  readonly #subject: Subject
  readonly #rig: Rig

  private constructor(program: SubjectProgram, subject: Subject, rig: Rig) {
    this.#program = program
    this.#subject = subject
    this.#rig = rig
  }

  static async start(program: SubjectProgram, seed: number): Promise<Side> {
    const namespace = enterNetworkNamespace()
    try {
      const subject = await Subject.start(program, `mr${process.pid}d${Side.#count++}`)
      try {
        return new Side(program, subject, await Rig.start(subject, ATTACKED_PEERS, seed))
      } catch (error) {
        await subject.stop()
        throw error
      }
    } finally {
      namespace.leave()
    }
  }

  /** What became of each step. */
  play(script: readonly Step[]): Promise<readonly string[]> {
    return play(this.#rig, script).catch((error) => {
      throw new Error(`${this.#program.name}, ${error.message}\n${this.#subject.said}`)
    })
  }

  /** The namespace goes with the last of what is in it. */
  async close(): Promise<void> {
    this.#rig.close()
    await this.#subject.stop()
  }
}
