export * from './contract.ts'
export * from './lifecycle.ts'
export * from './super-packets.ts'
export * from './wire.ts'
