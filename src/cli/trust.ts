/** The verb `trust`: prints what a receiver has to be told so that it trusts one service account and nobody else. Pure. */
import { isRefusal } from '../errors.ts'
import { subjectOf } from '../policy/subject.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import type { Receiver, Values } from './trust/receiver.ts'

export interface TrustOptions {
  receiver: Receiver
  values: Values
  issuer: string
  organization: string
  namespace: string
  serviceAccount: string
  /** By default what the receiver's clients ask for. */
  audience: string | undefined
  format: 'json' | 'terraform'
}

export interface TrustStreams {
  writeOut(text: string): void
  /** Tells a person where what is written belongs. */
  say(line: string): void
}

/** JSON documents go out one behind the other; where each belongs is said beside them. */
export function trust(options: TrustOptions, { writeOut, say }: TrustStreams): Outcome {
  const { receiver, values, issuer, organization, namespace, serviceAccount, format } = options
  const subject = subjectOf(organization, { namespace, serviceAccount: { name: serviceAccount, uid: '' } })
  if (isRefusal(subject)) return outcomeOf([subject])
  const identity = { issuer, subject, audience: options.audience ?? receiver.audience(values) }
  const terraform = format === 'terraform' ? receiver.terraform?.(identity, values) : undefined
  if (terraform !== undefined) {
    writeOut(terraform)
    return { exitCode: 0, messages: [] }
  }
  for (const { place, content } of receiver.documents(identity, values)) {
    say(place)
    writeOut(`${JSON.stringify(content, null, 2)}\n`)
  }
  return { exitCode: 0, messages: [] }
}
