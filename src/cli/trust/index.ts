/** The table of receivers that `trust` knows. Pure. */
import { aws } from './aws.ts'
import { azure } from './azure.ts'
import { gcp } from './gcp.ts'
import { kubernetes } from './kubernetes.ts'
import type { Receiver } from './receiver.ts'
import { vault } from './vault.ts'

export const RECEIVERS: readonly Receiver[] = [aws, azure, gcp, kubernetes, vault]
