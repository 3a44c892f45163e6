import { CookieChecker, type CookieTools } from '../proto/cookies.ts'
import type { KeyPair } from '../proto/handshake.ts'
import { MacVerifier } from '../proto/macs.ts'

/** Who this device is, and what follows from its public key. A new private key makes a new identity. */
export class Identity {
  readonly local: KeyPair
  readonly verifier: MacVerifier
  readonly cookies: CookieChecker

  constructor(local: KeyPair, tools: CookieTools) {
    this.local = local
    this.verifier = new MacVerifier(local.publicKey)
    this.cookies = new CookieChecker(local.publicKey, tools)
  }
}
