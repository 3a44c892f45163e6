// Sends IP packets into the namespace it runs in, as from far away: through a TUN device of its own, from where the
// kernel routes them, whatever their source. By turns those of one file and those of another, as many as go.
// A file is packets one behind the other, each after its length (u16, little endian).
// Prints `ready`, and for each round `round FILE FROM TO PACKETS`: the file's number, Unix times in milliseconds.
// Usage: node flood-source.mjs INTERFACE ROUNDS MILLISECONDS PAUSE FILE...
import { execFileSync } from 'node:child_process'
import { readFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { TunHandle } from '@millrace/layer-tun'
import { nativeSystem } from '@millrace/native/testing'

/** Packets between two looks at the clock. */
const CHUNK = 64

const [name, rounds, milliseconds, pause, ...files] = process.argv.slice(2)
const floods = files.map((file) => packetsOf(readFileSync(file)))
const { fd } = TunHandle.create(nativeSystem(), name, false)
execFileSync('ip', ['link', 'set', name, 'up'])
console.log('ready')

for (let round = 0; round < Number(rounds); round++) {
  await sleep(Number(pause))
  const which = round % files.length
  const from = Date.now()
  const sent = send(floods[which], from + Number(milliseconds))
  console.log(`round ${which} ${from} ${Date.now()} ${sent}`)
}

function send(packets, until) {
  let sent = 0
  while (Date.now() < until) for (let i = 0; i < CHUNK; i++) write(packets[sent++ % packets.length])
  return sent
}

function write(packet) {
  try {
    writeSync(fd, packet)
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error
  }
}

function packetsOf(bytes) {
  const packets = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    packets.push(bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return packets
}
