import type { SeededRandom } from '@millrace/core/testing'
import type { Flow, Shot } from './nat-differential-flow.ts'
import { type Direction, type ShotOptions, shot } from './nat-differential-shots.ts'

/** What each end says it can take, bytes. */
export const WINDOW = 5000
/** Bytes of each segment with data. */
export const DATA = 7

/** A connection with both ends' sequence numbers: the client's begin at `client`, the server's at `server`. */
export class Connection {
  readonly flow: Flow
  client: number
  server: number

  constructor(flow: Flow, random: SeededRandom) {
    this.flow = flow
    this.client = random.uint32()
    this.server = random.uint32()
  }

  /** A segment with what is due next, shifted by `off`; data and what takes a number move the sender on unless `off`. */
  send(label: string, direction: Direction, flags: string, off = 0, options: ShotOptions = {}): Shot {
    const [own, other] = direction === 'up' ? [this.client, this.server] : [this.server, this.client]
    const tcp = {
      flags,
      sequence: (own + off) >>> 0,
      acknowledgment: flags.includes('ACK') ? other : 0,
      window: WINDOW,
      ...options.tcp,
    }
    const data = flags.includes('PSH') ? 'x'.repeat(DATA) : ''
    const length = data.length + (/SYN|FIN/.test(flags) ? 1 : 0)
    if (off === 0 && direction === 'up') this.client = (this.client + length) >>> 0
    else if (off === 0) this.server = (this.server + length) >>> 0
    return shot(label, direction, this.flow, { data, ...options, tcp })
  }

  open(options: Uint8Array = new Uint8Array()): readonly Shot[] {
    const tcp = { options }
    return [
      this.send('SYN', 'up', 'SYN', 0, { tcp }),
      this.send('SYN-ACK', 'down', 'SYN ACK', 0, { tcp }),
      this.send('ACK', 'up', 'ACK'),
    ]
  }

  /** Data to and fro, each acknowledged: shows whether the connection lives. */
  talk(): readonly Shot[] {
    return [this.send('data', 'up', 'PSH ACK'), this.send('data', 'down', 'PSH ACK'), this.send('ACK', 'up', 'ACK')]
  }
}
