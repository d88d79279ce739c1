/** How the tests of the image run: buildah and Go, which the unit tests do without. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/image/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
})
