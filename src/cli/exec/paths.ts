/** Maps paths inside a container to local ones wherever they stand in a text. Pure. */

/** Both absolute, without a slash at the end. */
export interface Mapping {
  containerPath: string
  localPath: string
}

/**
 * `text` with every container path replaced, and what is below it. A path counts where it begins like one: at the
 * start, behind `=`, `:` or a quote, or as the path of `file://`; neither the path of another host's URL nor
 * `/data` in `/data2` or `/var/data` is touched. The longest mount wins.
 */
export function mapPaths(text: string, mappings: readonly Mapping[]): string {
  if (mappings.length === 0) return text
  const sorted = [...mappings].sort((a, b) => b.containerPath.length - a.containerPath.length)
  const paths = sorted.map(({ containerPath }) => escapeRegExp(containerPath)).join('|')
  const pattern = new RegExp(`(?:(?<![\\w.\\-/~%])|(?<=file://))(?:${paths})(?![\\w\\-%]|\\.\\w)`, 'g')
  return text.replace(pattern, (found) => sorted.find((mapping) => mapping.containerPath === found)?.localPath ?? found)
}

/** Whether `path` is `folder` or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

/** `/data/` and `/data` are one place. */
export function trimSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
