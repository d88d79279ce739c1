/** Every annotation that a pod may carry, and the nearest known one to a typing error. Pure. */
import { closest } from 'fastest-levenshtein'
import { PROVIDERS } from '../providers/index.ts'

/** An annotation as the reference documents it. */
export interface Annotation {
  /** Without the prefix; `.<name>` at its end stands for a token's name. */
  suffix: string
  meaning: string
  default?: string
}

const FAMILY = '.<name>'

export const ANNOTATIONS: readonly Annotation[] = [
  { suffix: 'audience', meaning: 'audience of the token named `default`' },
  { suffix: 'audience.<name>', meaning: 'audience of a further token; at most 16 tokens a pod' },
  { suffix: 'ttl-seconds', meaning: 'life that is asked for every token of the pod, 600 to 86400', default: '3600' },
  { suffix: 'ttl-seconds.<name>', meaning: 'life that is asked for one token' },
  { suffix: 'env.<name>', meaning: "variable that is set to the path of one token's file" },
  ...PROVIDERS.flatMap((provider) => provider.annotations),
  { suffix: 'containers', meaning: 'containers, comma-separated, that get mount and environment', default: 'all' },
  { suffix: 'skip-containers', meaning: 'containers, comma-separated, that do not', default: 'none' },
  { suffix: 'mode', meaning: '`native`: one sidecar of the kind that Kubernetes knows as such', default: 'native' },
  {
    suffix: 'start',
    meaning:
      '`hook`: nothing starts before the first token; `init`: the same by an init container; `now`: nobody waits',
    default: 'hook',
  },
  {
    suffix: 'start-deadline-seconds',
    meaning: 'how long the start waits while the signer is unreachable, 1 to 300',
    default: '30',
  },
  {
    suffix: 'on-conflict',
    meaning: 'what happens when a container already sets a variable of ours: `refuse` the pod or `keep` theirs',
    default: 'refuse',
  },
  { suffix: 'sidecar-cpu', meaning: "`request[/limit]` of our container's processor time", default: 'by the pod' },
  { suffix: 'sidecar-memory', meaning: "`request[/limit]` of our container's memory", default: 'by the pod' },
  { suffix: 'file-mode', meaning: 'mode of the token files, 0400 to 0644, not writable by others', default: '0644' },
  { suffix: 'delivery', meaning: '`sidecar`; `node` is reserved', default: 'sidecar' },
  { suffix: 'local-api', meaning: 'reserved', default: 'none' },
  { suffix: 'status', meaning: 'written by the webhook: `injected <version>`; never read' },
]

const SUFFIXES: ReadonlySet<string> = new Set(ANNOTATIONS.map(({ suffix }) => suffix))

/** A known annotation; `token` is set where the name of one follows. */
export interface Recognized {
  base: string
  token?: string
}

/** What the annotation with this suffix is, or undefined; the token's name is not judged here. */
export function recognize(suffix: string): Recognized | undefined {
  if (SUFFIXES.has(suffix)) return suffix.endsWith(FAMILY) ? undefined : { base: suffix }
  const { base, rest } = split(suffix)
  return rest !== undefined && SUFFIXES.has(base + FAMILY) ? { base, token: rest } : undefined
}

/** The known suffix that a person most likely meant, with the name that they gave. */
export function nearestTo(suffix: string): string {
  const { base, rest } = split(suffix)
  const shownBy = new Map<string, string>()
  for (const known of SUFFIXES) {
    const isFamily = known.endsWith(FAMILY)
    const knownBase = isFamily ? known.slice(0, -FAMILY.length) : known
    const compared = isFamily && rest ? `${knownBase}.${rest}` : knownBase
    if (!shownBy.has(compared)) shownBy.set(compared, isFamily && rest ? compared : known)
  }
  return shownBy.get(closest(rest ? suffix : base, [...shownBy.keys()])) ?? suffix
}

function split(suffix: string): { base: string; rest: string | undefined } {
  const dot = suffix.indexOf('.')
  return dot === -1 ? { base: suffix, rest: undefined } : { base: suffix.slice(0, dot), rest: suffix.slice(dot + 1) }
}
