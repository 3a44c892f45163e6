// Runs the self-test over every AEAD and X25519 that this Node.js has, and prints those that passed and those that did not.
import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import { aeads, chooseCrypto, curves } from '../../packages/layer-wireguard/dist/crypto/crypto.js'
import { aeadIsRight, curveIsRight } from '../../packages/layer-wireguard/dist/crypto/self-test.js'

const openSsl = makeFallback(OPENSSL)
const tried = (candidates, isRight) => Array.from(candidates, (one) => [one.name, isRight(one)])
const result = {
  version: process.versions.node,
  chosen: chooseCrypto().name,
  aeads: Object.fromEntries(tried(aeads(openSsl), aeadIsRight)),
  curves: Object.fromEntries(tried(curves(openSsl), curveIsRight)),
}
console.log(JSON.stringify(result))
