export * from './contract.ts'
export * from './lifecycle.ts'
export * from './wire.ts'
export * from './wire.ts'
