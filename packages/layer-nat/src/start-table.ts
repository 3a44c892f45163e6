import type { Context } from '@millrace/core'
import { FlowLog } from './flow-log.ts'
import { LineLog } from './line-log.ts'
import { PortBlockLog } from './port-block-log.ts'
import type { NatSettings } from './settings.ts'
import { NatTable } from './table.ts'

/** The logs there are. */
export interface NatLogs {
  readonly flows: LineLog | undefined
  readonly blocks: LineLog | undefined
}

export function openLogs({ flowLog, portBlockLog }: NatSettings, { clock }: Context): NatLogs {
  return {
    flows: flowLog && new LineLog(flowLog, clock),
    blocks: portBlockLog && new LineLog(portBlockLog, clock),
  }
}

/** The table that the settings ask for. Without a secret of their own, pairs are drawn anew. */
export function startTable(settings: NatSettings, { random }: Context, { flows, blocks }: NatLogs): NatTable {
  const { staticAddresses, egress } = settings
  const secret = new Uint8Array(32)
  random.fill(secret)
  const table = new NatTable({
    ...settings,
    addresses: staticAddresses,
    portBlockLog: blocks && new PortBlockLog(blocks),
    egress: { ...egress, secret: egress.secret === undefined ? secret : new TextEncoder().encode(egress.secret) },
    random,
  })
  if (flows !== undefined) table.log = new FlowLog(flows, table.view)
  return table
}
