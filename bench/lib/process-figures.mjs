// What a process has used, from /proc. Threads count with their process.
import { readFileSync } from 'node:fs'

/** USER_HZ: proc(5) gives times in these on every architecture that Linux has a node for. */
const TICKS_PER_SECOND = 100

/** User and system time so far, seconds. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Behind the name, which may hold blanks: the 3rd field of proc(5) is the first here, utime the 14th, stime the 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory, MiB: now, and the most it ever was. */
export function residentMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: mebibytes('VmRSS'), peak: mebibytes('VmHWM') }
}

/** Whether the network namespace of the process has the interface. */
export function hasInterface(pid, name) {
  return readFileSync(`/proc/${pid}/net/dev`, 'utf8').includes(`${name}:`)
}
