/** What other people's webhooks do to pods, each as the JSON Patch that it answers with. Pure. */

interface Container {
  name: string
  image: string
  restartPolicy?: string
  env?: unknown[]
}

interface Spec {
  containers: Container[]
  initContainers?: Container[]
}

export type Operation = { op: 'add' | 'replace' | 'remove' | 'move'; path: string; value?: unknown; from?: string }

/** Where the images of a mirror are. */
export const MIRROR = 'mirror.token-projector.test/'
/** What is added stays, as a proxy or an agent would. */
export const LATER = 'later'

/** By the path that the API server is told to call. */
export const CHANGES: Record<string, (spec: Spec, image: string) => Operation[]> = {
  'add-container': ({ containers }, image) => {
    if (containers.some(({ name }) => name === LATER)) return []
    const variable = { name: 'ADDED', value: 'later' }
    const [first] = containers
    return [
      { op: 'add', path: '/spec/containers/-', value: { name: LATER, image, args: ['sleep'] } },
      first?.env === undefined
        ? { op: 'add', path: '/spec/containers/0/env', value: [variable] }
        : { op: 'add', path: '/spec/containers/0/env/-', value: variable },
    ]
  },

  'rewrite-images': (spec) =>
    all(spec).flatMap(([path, { image }]) =>
      image.startsWith(MIRROR) ? [] : [{ op: 'replace', path: `${path}/image`, value: MIRROR + image }],
    ),

  /** An old library that writes back the fields that it knows. */
  strip: (spec) =>
    all(spec).flatMap(([path, { restartPolicy }]) =>
      restartPolicy === undefined ? [] : [{ op: 'remove', path: `${path}/restartPolicy` }],
    ),

  /** One that wants to be first. */
  move: ({ initContainers = [] }) => [
    { op: 'move', from: '/spec/initContainers/0', path: `/spec/initContainers/${initContainers.length - 1}` },
  ],
}

function all({ containers, initContainers = [] }: Spec): [string, Container][] {
  return [
    ...initContainers.map((container, index): [string, Container] => [`/spec/initContainers/${index}`, container]),
    ...containers.map((container, index): [string, Container] => [`/spec/containers/${index}`, container]),
  ]
}
