import { type Token, token } from '@millrace/core'

/** Where the code of a worker lies. Bind it when the code has been bundled. */
export const WORKER_SCRIPT: Token<URL> = token('WorkerScript', () => new URL('./worker.js', import.meta.url))
