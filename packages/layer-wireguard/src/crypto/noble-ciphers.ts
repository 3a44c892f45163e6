import { createRequire } from 'node:module'
import type * as ChaCha from '@noble/ciphers/chacha.js'

let ciphers: typeof ChaCha | undefined

/**
 * noble's ciphers, loaded when they are first needed, as for a cookie: a program that is never under load and has OpenSSL
 * starts sooner without.
 */
export function nobleCiphers(): typeof ChaCha {
  ciphers ??= createRequire(import.meta.url)('@noble/ciphers/chacha.js') as typeof ChaCha
  return ciphers
}
