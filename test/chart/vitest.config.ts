/** How the tests of the chart run: with Helm's own binary and, where a server's word counts, with a real API server. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/chart/**/*.test.ts'],
    globalSetup: ['test/chart/global-setup.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
