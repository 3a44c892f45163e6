import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { makeProgram } from './program.ts'

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

describe('every command has a help that fits a terminal', () => {
  test.each(everyCommand(makeProgram()).map((command) => [pathOf(command), command] as const))(
    '%s',
    (path, command) => {
      const parts: string[] = []
      command.configureOutput({ writeOut: (text) => void parts.push(text), getOutHelpWidth: () => 80 })
      command.outputHelp()
      const help = parts.join('')
      expect(help).toMatch(new RegExp(`^Usage: ${path} `))
      expect(command.description()).toMatch(/^[A-Z].*\.$/)
      expect(help).toContain('-h, --help')
      for (const { flags, description } of command.options) {
        expect(help).toContain(flags)
        expect(description).not.toBe('')
      }
      expect(Math.max(...help.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
    },
  )
})

test('the commands are these', () => {
  expect(everyCommand(makeProgram()).map(pathOf)).toEqual([
    'millrace',
    'millrace gateway',
    'millrace peer',
    'millrace peer add',
    'millrace peer list',
    'millrace peer show',
    'millrace peer remove',
    'millrace doctor',
    'millrace proxy',
    'millrace genkey',
    'millrace pubkey',
    'millrace genpsk',
  ])
})
