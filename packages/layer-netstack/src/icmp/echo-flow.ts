import { Flow } from '../table/flow-table.ts'

/** Words of a flow's key: destination (4), client address (4), peer, version in the high half and identifier in the low. */
export const ECHO_WORDS = 10

/** The echo requests of one client to one destination that have one identifier. */
export class EchoFlow extends Flow {
  get version(): 4 | 6 {
    return (this.key[9] as number) >>> 16 === 4 ? 4 : 6
  }

  get identifier(): number {
    return (this.key[9] as number) & 0xffff
  }
}
