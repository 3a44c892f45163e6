import { ConfigurationError } from '@millrace/core'
import { Option } from 'commander'
import { StateStore } from '../state/store.ts'

/** What every command that works on a gateway's state is given. */
export interface StateOptions {
  readonly state: string
}

/** And those whose output a program may read. */
export interface OutputOptions extends StateOptions {
  readonly json?: true
}

export function stateOption(): Option {
  return new Option('--state <dir>', 'where the gateway keeps its keys and peers')
    .env('MILLRACE_STATE')
    .default(StateStore.defaultDirectory())
    .argParser((directory) => {
      if (directory === '') throw new ConfigurationError('--state: expected a directory, got ""')
      return directory
    })
}
