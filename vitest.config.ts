import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/dist/**']
/**
 * Unit tests that need a process to themselves: they count what it has open, use all of it up, or put something else in
 * the place of a part of Node.
 */
const wholeProcess = [
  'packages/layer-netstack/src/host/datagrams.test.ts',
  'packages/layer-netstack/src/sockets/tcp-twins.test.ts',
  'packages/layer-netstack/src/sockets/udp-relay.test.ts',
  'packages/layer-udp/src/udp.test.ts',
  'packages/layer-wireguard/src/threads/threads.test.ts',
  'packages/millrace/src/gateway/nftables.test.ts',
  'packages/millrace/src/tunnel/tunnel.test.ts',
]

export default defineConfig({
  resolve: { conditions: ['@millrace/source'] },
  ssr: { resolve: { conditions: ['@millrace/source'] } },
  test: {
    reporters: ['default', './test/closing-line.ts'],
    // Two also on two cores: many tests wait for a network most of the time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude,
        },
      },
      {
        extends: true,
        // A process runs file after file and keeps what it has imported, which would take longer than most of these tests.
        test: {
          name: 'shared',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: [...exclude, ...wholeProcess],
          isolate: false,
        },
      },
      {
        extends: true,
        // Last, for projects go in the order of their names: some measure themselves against threads that want a core.
        test: { name: 'whole process', include: wholeProcess, exclude },
      },
    ],
  },
})
