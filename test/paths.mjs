// Runs the tests that need a whole machine once for each path that a packet may take: with every offload of the kernel
// switched off in turn, without system calls for UDP and TCP, without OpenSSL's own functions. Needs root and what .ci/run
// installs. Usage: npm run test:paths [feature ...]; about ten minutes.
import { spawnSync } from 'node:child_process'

// node:dgram cannot mark packets, which the full tunnel of wg-quick and the gateway's checks ask for.
const WHOLE = ['test/scenarios.test.ts', 'test/millrace-wg.test.ts', 'test/wg-quick.test.ts', 'test/gateway.test.ts']
const TESTS = {
  'tun-tcp,tun-udp': WHOLE,
  'tun-udp': WHOLE,
  'udp-send': WHOLE,
  'udp-receive': WHOLE,
  'udp-native': ['test/scenarios.test.ts', 'test/gateway.test.ts'],
  'tcp-native': ['test/rootless-gateway.test.ts'],
  openssl: ['test/scenarios.test.ts', 'test/gateway.test.ts'],
}

const wanted = process.argv.slice(2)
const failed = Object.entries(TESTS)
  .filter(([features]) => wanted.length === 0 || wanted.includes(features))
  .filter(([features, tests]) => {
    console.log(`\nwithout ${features}`)
    const env = { ...process.env, MILLRACE_DISABLE: features }
    return spawnSync('npx', ['vitest', 'run', ...tests], { env, stdio: 'inherit' }).status !== 0
  })
for (const [features] of failed) console.error(`failed without ${features}`)
process.exitCode = failed.length === 0 ? 0 : 1
