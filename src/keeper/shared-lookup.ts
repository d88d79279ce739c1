/** Lets attempts that run at the same time share one question to the resolver. Pure. */
import type { LookupFunction } from 'node:net'

type Callback = Parameters<LookupFunction>[2]

/**
 * A resolver that does not answer holds a thread of Node's pool of four for up to half a minute. Sixteen tokens that
 * retry would queue up behind each other there, and still wait when the resolver is long back.
 */
export function shareLookup(lookup: LookupFunction): LookupFunction {
  const pending = new Map<string, Callback[]>()
  return (hostname, options, callback) => {
    const key = `${hostname} ${JSON.stringify(options)}`
    const waiting = pending.get(key)
    if (waiting !== undefined) {
      waiting.push(callback)
      return
    }
    const callbacks = [callback]
    pending.set(key, callbacks)
    lookup(hostname, options, (...answer) => {
      pending.delete(key)
      for (const answered of callbacks) answered(...answer)
    })
  }
}
