// V8's sampling heap profiler over a piece of synchronous work, with what was garbage by its end included.
import { Session } from 'node:inspector'

/** On average a sample for so many bytes. */
const INTERVAL = 2048

export function countAllocations(work) {
  const session = new Session()
  session.connect()
  const options = {
    samplingInterval: INTERVAL,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  }
  post(session, 'HeapProfiler.startSampling', options)
  work()
  const { profile } = post(session, 'HeapProfiler.stopSampling')
  session.disconnect()
  return profile
}

/** Bytes in all, and by the function that allocated them, the largest first. */
export function allocationSites(profile) {
  const sizes = new Map()
  const add = ({ callFrame, selfSize, children }) => {
    const site = describe(callFrame)
    if (selfSize > 0) sizes.set(site, (sizes.get(site) ?? 0) + selfSize)
    children.forEach(add)
  }
  add(profile.head)
  const sites = [...sizes].map(([site, size]) => ({ site, size })).sort((a, b) => b.size - a.size)
  return { total: sites.reduce((sum, { size }) => sum + size, 0), sites }
}

/** On this thread the answer is there when `post` returns. */
function post(session, method, parameters) {
  let answer
  session.post(method, parameters, (error, result) => {
    if (error) throw new Error(`${method}: ${error.message}`)
    answer = result
  })
  return answer
}

function describe({ functionName, url, lineNumber }) {
  const file = url.replace(/^.*\/(node_modules|packages|bench)\//, '$1/')
  return `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`
}
