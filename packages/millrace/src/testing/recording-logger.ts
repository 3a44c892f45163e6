import type { Logger } from '@millrace/core'

/** Keeps what is logged, as `level message`. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = []

  debug(_fields: object, message: string): void {
    this.lines.push(`debug ${message}`)
  }

  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error ${message}`)
  }
}
