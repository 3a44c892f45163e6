import { expect, test } from 'vitest'
import { sessionRows } from './session-row.ts'
import { SessionTimers } from './session-timers.ts'
import { SessionView } from './session-view.ts'
import { Sessions } from './sessions.ts'

const MINUTE = 60_000
const timeouts = {
  udp: MINUTE,
  icmp: MINUTE,
  tcpEstablished: MINUTE,
  tcpOpening: MINUTE,
  tcpClosing: MINUTE,
  tcpReset: MINUTE,
  other: MINUTE,
}

test('counts go on above 32 bits, each by itself', () => {
  const rows = sessionRows(3)
  const view = new SessionView(rows, new Sessions(rows, () => 1), new SessionTimers(rows, timeouts))
  const traffic = (session: number): unknown => {
    const { up, down } = view.describe(session, 0, 1)
    return { up, down }
  }
  view.begin(0, 0)
  view.restore(1, 0, { packets: 2 ** 32 - 2, bytes: 2 ** 45 }, { packets: 5 * 2 ** 32 + 2 ** 31 - 1, bytes: 7 })
  view.begin(2, 0)
  view.count(1, true, 1, 100)
  expect(traffic(1)).toMatchObject({ up: { packets: 2 ** 32 - 1, bytes: 2 ** 45 + 100 } })
  view.count(1, true, 44, 100)
  view.count(1, false, 2, 50)
  expect(traffic(1)).toEqual({
    up: { packets: 2 ** 32 + 43, bytes: 2 ** 45 + 200 },
    down: { packets: 5 * 2 ** 32 + 2 ** 31 + 1, bytes: 57 },
  })
  view.count(0, false, 1, 40)
  expect(traffic(0)).toEqual({ up: { packets: 0, bytes: 0 }, down: { packets: 1, bytes: 40 } })
  expect(traffic(2)).toEqual({ up: { packets: 0, bytes: 0 }, down: { packets: 0, bytes: 0 } })
})
