// What the figures were measured on, as it stands beside them.
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

export function describeMachine() {
  return {
    cpu: cpuModel(),
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readOr('/etc/os-release', ''))?.[1] ?? process.platform,
    node: process.version,
    openssl: process.versions.openssl,
  }
}

function cpuModel() {
  const model = cpus()[0]?.model.trim()
  return model && model !== 'unknown' ? model : process.arch
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
