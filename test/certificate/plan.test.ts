/** What is done with a CA and a leaf, by what is there and what the clock says. */
import { expect, test } from 'vitest'
import { type Holding, lookAgainMs, type Plan, plan, type Situation } from '../../src/certificate/plan.ts'

const DAY = 86_400_000
const NOW = 10_000 * DAY
const aged = (days: number, lifeDays: number) => ({
  notBefore: NOW - days * DAY,
  notAfter: NOW + (lifeDays - days) * DAY,
})
const root = aged(100, 3650)
const leaf = { ...aged(1, 30), names: ['a.svc'] }
const EMPTY: Holding = { isEmpty: true }

function planOf(holding: Partial<Holding>, situation: Partial<Situation> = {}): Plan {
  const whole = { isEmpty: false, ...holding }
  return plan({ holding: whole, names: ['a.svc'], recorded: true, whenLost: 'ask', now: NOW, ...situation })
}

test.each<[string, Partial<Holding>, Partial<Situation>, Plan]>([
  ['all is well', { root, leaf }, {}, { step: 'keep', until: leaf.notBefore + 20 * DAY }],
  ['a first start', EMPTY, { recorded: false }, { step: 'make-root', because: 'first start' }],
  ['an unread record', EMPTY, { recorded: undefined }, { step: 'wait', because: 'the record is not read' }],
  ['an emptied Secret', EMPTY, {}, { step: 'wait', because: 'the root is lost' }],
  ['an emptied Secret, remade', EMPTY, { whenLost: 'remake' }, { step: 'make-root', because: 'the root is lost' }],
  ['a damaged Secret is no first start', {}, { recorded: false }, { step: 'wait', because: 'the root is lost' }],
  ['no leaf', { root }, {}, { step: 'renew-leaf', names: ['a.svc'], because: 'absent' }],
  [
    'a leaf before two thirds',
    { root, leaf: { ...leaf, ...aged(19.9, 30) } },
    {},
    expect.objectContaining({ step: 'keep' }),
  ],
  [
    'a leaf at two thirds',
    { root, leaf: { ...leaf, ...aged(20, 30) } },
    {},
    { step: 'renew-leaf', names: ['a.svc'], because: 'due' },
  ],
  [
    'a dead leaf',
    { root, leaf: { ...leaf, ...aged(40, 30) } },
    {},
    { step: 'renew-leaf', names: ['a.svc'], because: 'due' },
  ],
  [
    'a name that is new',
    { root, leaf },
    { names: ['b.svc'] },
    { step: 'renew-leaf', names: ['b.svc', 'a.svc'], because: 'other names' },
  ],
  [
    'a name too many',
    { root, leaf: { ...leaf, names: ['a.svc', 'old.svc'] } },
    {},
    expect.objectContaining({ step: 'keep' }),
  ],
  [
    'old names fall away when the leaf is due',
    { root, leaf: { ...aged(20, 30), names: ['a.svc', 'old.svc'] } },
    {},
    { step: 'renew-leaf', names: ['a.svc'], because: 'due' },
  ],
  ['a root with a year left', { root: aged(3285, 3650), leaf }, {}, { step: 'renew-root' }],
  ['a root with more', { root: aged(3284, 3650), leaf }, {}, expect.objectContaining({ step: 'keep' })],
  ['a dead root', { root: aged(4000, 3650), leaf }, {}, { step: 'renew-root' }],
  [
    'an old root with leaves',
    { root: aged(30, 3650), leaf, previous: aged(3000, 3650) },
    {},
    { step: 'keep', until: NOW + DAY },
  ],
  [
    'an old root without leaves',
    { root: aged(31, 3650), leaf, previous: aged(3000, 3650) },
    {},
    { step: 'forget-previous' },
  ],
  [
    'an old root that ended',
    { root: aged(1, 3650), leaf, previous: aged(3651, 3650) },
    {},
    { step: 'forget-previous' },
  ],
])('%s', (_name, holding, situation, expected) => {
  expect(planOf(holding, situation)).toEqual(expected)
})

test('two replicas with different names come to rest', () => {
  const step = (names: string[], mine: string[]) => planOf({ root, leaf: { ...leaf, names } }, { names: mine })
  const first = step(['a.svc'], ['b.svc'])
  const names = 'names' in first ? [...first.names] : []
  expect([step(names, ['a.svc']).step, step(names, ['b.svc']).step]).toEqual(['keep', 'keep'])
})

test.each([
  ['soon', NOW + 1000, 0, 1000],
  ['already', NOW - 1000, 0, 0],
  ['not all at once', NOW + 1000, 0.5, 301_000],
  ['a clock may be set meanwhile', NOW + 300 * DAY, 0, 6 * 3_600_000],
])('a plan is made again: %s', (_name, until, random, expected) => {
  expect(lookAgainMs(until, NOW, random)).toBe(expected)
})
