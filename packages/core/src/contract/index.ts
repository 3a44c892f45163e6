export * from './contract.ts'
export * from './lifecycle.ts'
