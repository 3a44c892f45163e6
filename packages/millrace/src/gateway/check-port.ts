import { stack } from '@millrace/core'
import { udp } from '@millrace/layer-udp'

/** Opens the port and closes it again: the wire's own words if it is taken. */
export async function checkPort(port: number): Promise<void> {
  const probe = await stack(udp({ port }), { pool: { slots: 1, jumboSlots: 1 } })
    .end({ connect: (wire) => wire })
    .start()
  await probe.stop()
}
