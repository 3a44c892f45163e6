import { SeededRandom } from '@millrace/core/testing'
import { type Flow, ICMP, type Shot, TCP, UDP } from './nat-differential-flow.ts'
import { FLOW_SCENARIOS, ICMP_SCENARIOS, OTHER_SCENARIOS, UDP_SCENARIOS } from './nat-differential-others.ts'
import { TCP_SCENARIOS } from './nat-differential-tcp.ts'

/** How many scenarios are under way at a time. */
const AT_ONCE = 6
const ESP = 50

export interface Step {
  /** `UDP: no hop left`. */
  readonly scenario: string
  readonly shot: Shot
}

type Scenario = (flow: Flow, random: SeededRandom) => readonly Shot[]

const SCENARIOS: readonly (readonly [name: string, protocol: number, Scenario])[] = [
  ...of('TCP', TCP, TCP_SCENARIOS),
  ...of('UDP', UDP, FLOW_SCENARIOS),
  ...of('UDP', UDP, UDP_SCENARIOS),
  ...of('ICMP', ICMP, FLOW_SCENARIOS),
  ...of('ICMP', ICMP, ICMP_SCENARIOS),
  ...of('ESP', ESP, OTHER_SCENARIOS),
]

/** A script: every scenario `rounds` times with a flow of its own, in an order of the seed's, several of them mixed. */
export function script(seed: number, rounds: number): readonly Step[] {
  const random = new SeededRandom(seed)
  const waiting = Array.from({ length: rounds }, () => shuffled(SCENARIOS, random)).flat()
  const steps: Step[] = []
  const active: Step[][] = []
  let port = 20_000
  while (waiting.length > 0 || active.length > 0) {
    while (active.length < AT_ONCE && waiting.length > 0) {
      const [scenario, protocol, play] = waiting.pop() as (typeof SCENARIOS)[number]
      const flow = newFlow(protocol, ++port, random)
      active.push(play(flow, random).map((shot) => ({ scenario, shot })))
    }
    const turn = random.uint32() % active.length
    const step = (active[turn] as Step[]).shift()
    if (step === undefined) active.splice(turn, 1)
    else steps.push(step)
  }
  return steps
}

function of(
  label: string,
  protocol: number,
  scenarios: Readonly<Record<string, Scenario>>,
): readonly (readonly [string, number, Scenario])[] {
  return Object.entries(scenarios).map(([name, play]) => [`${label}: ${name}`, protocol, play])
}

function newFlow(protocol: number, port: number, random: SeededRandom): Flow {
  return {
    protocol,
    port,
    inside: `10.9.0.${2 + (random.uint32() % 8)}`,
    // Without ports there is nothing but the remote to tell two flows apart.
    remote: protocol === ESP ? `198.18.${port >> 8}.${port & 255}` : `198.51.100.${1 + (random.uint32() % 200)}`,
    remotePort: protocol === ICMP || protocol === ESP ? 0 : 1 + (random.uint32() % 1000),
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.uint32() % left.length, 1)[0] as T)
}
