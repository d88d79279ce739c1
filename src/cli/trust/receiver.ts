/** What every receiver is to `trust`: what it has to be told, and how it wants to be told whom it trusts. Pure. */

/** Whom the receiver is to trust. */
export interface Identity {
  issuer: string
  subject: string
  audience: string
}

/** Something of the receiver's own, such as an account; its flag is `--<name>`. */
export interface Parameter {
  name: string
  /** Ends the sentence "must be …". */
  shape: string
  pattern: RegExp
  /** Without one the flag is required. */
  preset?: string
}

export type Values = Readonly<Record<string, string>>

export interface Receiver {
  name: string
  title: string
  parameters: readonly Parameter[]
  /** What its clients ask for. */
  audience(values: Values): string
  /** Documents as the receiver's own tools and API take them, each with the place where it belongs. */
  documents(identity: Identity, values: Values): Document[]
  /** Undefined where no Terraform provider configures it. */
  terraform: ((identity: Identity, values: Values) => string) | undefined
}

export interface Document {
  /** Where it goes, a command or a file. */
  place: string
  content: object
}

/** A string in Terraform's language, whose templates begin with `${` and `%{`. */
export function hcl(text: string): string {
  return JSON.stringify(text).replaceAll(/([$%])\{/g, '$1$1{')
}
