/** The version of this build, as package.json states it. Pure. */
import manifest from '../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
