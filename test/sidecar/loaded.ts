/** Preloaded into a sidecar under test: says at its end, on standard error, which modules it loaded. */
import { registerHooks } from 'node:module'

const urls: string[] = []
registerHooks({
  load(url, context, nextLoad) {
    urls.push(url)
    return nextLoad(url, context)
  },
})
process.on('exit', () => {
  const builtins = (process as unknown as { moduleLoadList: string[] }).moduleLoadList
  process.stderr.write(`LOADED ${JSON.stringify({ urls, builtins })}\n`)
})
