/** Carries out what was planned for a Secret's content, and gives the content that is to be there. */
import {
  bundleIn,
  CROSS,
  certificatesIn,
  isAlive,
  LEAF,
  LEAF_KEY,
  PREVIOUS_ROOT,
  ROOT,
  ROOT_KEY,
  type SecretContent,
} from './inspect.ts'
import { createAuthority, crossSign, issueLeaf, type KeyedCertificate } from './issue.ts'
import type { Plan } from './plan.ts'

/** A plan that changes something. */
export type Change = Exclude<Plan, { step: 'keep' | 'wait' }>

export interface Owner {
  /** What the root is called, such as `token-projector webhook`; the time of its making is added. */
  commonName: string
  names: readonly string[]
  now: Date
  /** PEM roots that were published last; they stay so when the root itself is lost. */
  published: string
}

/** The whole new content; keys that are not ours stay. */
export async function carryOut(change: Change, content: SecretContent, owner: Owner): Promise<SecretContent> {
  switch (change.step) {
    case 'make-root':
      return makeRoot(content, owner)
    case 'renew-root':
      return renewRoot(content, owner)
    case 'renew-leaf':
      return renewLeaf(content, change.names, owner.now)
    case 'forget-previous':
      return without(content, PREVIOUS_ROOT)
  }
}

async function makeRoot(content: SecretContent, owner: Owner): Promise<SecretContent> {
  const root = await newRoot(owner)
  // Other replicas may still serve leaves of the old one.
  const [previous] = [...certificatesIn(bundleIn(content)), ...certificatesIn(owner.published)]
  return {
    ...without(content, CROSS, PREVIOUS_ROOT),
    ...rootContent(root),
    ...(previous === undefined ? {} : { [PREVIOUS_ROOT]: previous }),
    ...(await leafOf(root, owner.names, owner.now, undefined)),
  }
}

async function renewRoot(content: SecretContent, owner: Owner): Promise<SecretContent> {
  const previous = authorityIn(content)
  const root = await newRoot(owner)
  // Nobody can follow a root that has ended.
  const cross = isAlive(previous.certificate, owner.now) ? await crossSign(root.certificate, previous) : undefined
  return {
    ...without(content, CROSS),
    ...rootContent(root),
    [PREVIOUS_ROOT]: previous.certificate,
    ...(cross === undefined ? {} : { [CROSS]: cross }),
    ...(await leafOf(root, owner.names, owner.now, cross)),
  }
}

async function renewLeaf(content: SecretContent, names: readonly string[], now: Date): Promise<SecretContent> {
  const cross = isAlive(content[CROSS], now) ? content[CROSS] : undefined
  const rest = cross === undefined ? without(content, CROSS) : content
  return { ...rest, ...(await leafOf(authorityIn(content), names, now, cross)) }
}

/** Distinct names keep verifiers from taking one root for another. */
function newRoot({ commonName, now }: Owner): Promise<KeyedCertificate> {
  return createAuthority(`${commonName} ${now.toISOString()}`, now)
}

function rootContent({ certificate, privateKey }: KeyedCertificate): SecretContent {
  return { [ROOT]: certificate, [ROOT_KEY]: privateKey }
}

function authorityIn(content: SecretContent): KeyedCertificate {
  return { certificate: content[ROOT] ?? '', privateKey: content[ROOT_KEY] ?? '' }
}

async function leafOf(
  root: KeyedCertificate,
  names: readonly string[],
  now: Date,
  cross: string | undefined,
): Promise<SecretContent> {
  const leaf = await issueLeaf(root, { dns: names }, now)
  return { [LEAF]: leaf.certificate + (cross ?? ''), [LEAF_KEY]: leaf.privateKey }
}

function without(content: SecretContent, ...keys: string[]): SecretContent {
  return Object.fromEntries(Object.entries(content).filter(([key]) => !keys.includes(key)))
}
