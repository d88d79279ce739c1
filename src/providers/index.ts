/** The table of providers; one more file and one more line is one more provider. Pure. */
import { aws } from './aws.ts'
import { azure } from './azure.ts'
import { gcp } from './gcp.ts'
import type { Provider } from './provider.ts'
import { vault } from './vault.ts'

export const PROVIDERS: readonly Provider[] = [aws, azure, gcp, vault]
