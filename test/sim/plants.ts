import { coopTable, reviews, type CoopRow } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { decodeFrame, encodeFrame, type FrameOf, type Law, type Rules, type Tables } from '@icn/protocol'
import { SpaceWork } from '../../packages/journal/src/work.ts'
import type { CoopWorld } from './coop-world.ts'

/** Bugs put in on purpose: a simulator is worth what it finds. Each is dug up again when its world ends. */
export type Plant = (world: CoopWorld) => () => void

const nothing = (): void => {}

function lawsOf(rules: Rules, change: (law: Law) => Law): Rules {
  return { ...rules, laws: new Map([...rules.laws].map(([kind, law]) => [kind, change(law)])) }
}

const withRules =
  (change: () => (law: Law) => Law): Plant =>
  (world) => {
    world.wrapping = { rules: (rules) => lawsOf(rules, change()) }
    return nothing
  }

const withJournal =
  (change: (journal: JournalApi) => Partial<JournalApi>): Plant =>
  (world) => {
    world.wrapping = {
      journal: (journal) => {
        const changed = change(journal)
        return new Proxy(journal, {
          get(target, name) {
            const value: unknown = Reflect.get(name in changed ? changed : target, name)
            return typeof value === 'function' ? value.bind(name in changed ? changed : target) : value
          },
        })
      },
    }
    return nothing
  }

/** Changes or drops frames on their way. */
const withFrames =
  (change: (frame: FrameOf<'have' | 'credit'>, way: string) => FrameOf<'have' | 'credit'> | undefined): Plant =>
  (world) => {
    const before = world.network.tap
    world.network.tap = (from, to, bytes) => {
      const frame = decodeFrame(bytes)
      const kept = before === undefined ? bytes : before(from, to, bytes)
      if (frame?.t !== 'have' && frame?.t !== 'credit') return kept
      const changed = change(frame, `${from} ${to}`)
      return changed === undefined ? undefined : changed === frame ? kept : encodeFrame(changed)
    }
    return nothing
  }

/** Replaces a method of the fold for as long as the world lives. */
function withFold<Name extends 'undo' | 'rewind' | 'emit'>(name: Name, change: (before: SpaceWork[Name]) => SpaceWork[Name]): Plant {
  return () => {
    const before = SpaceWork.prototype[name]
    SpaceWork.prototype[name] = change(before)
    return () => {
      SpaceWork.prototype[name] = before
    }
  }
}

/** Every so many calls. */
function every(count: number): () => boolean {
  let calls = 0
  return () => ++calls % count === 0
}

const withoutPuts = (tables: Tables, name: string): Tables =>
  new Proxy(tables, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (key === 'put')
        return (table: { readonly name: string }, ...rest: readonly unknown[]) =>
          table.name === name ? undefined : (value as (...all: unknown[]) => void).call(target, table, ...rest)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

const deciding = (law: Law, codes: readonly string[]): Law => ({
  ...law,
  decide(op, facts) {
    const decision = law.decide(op, facts)
    const checks = decision.checks.filter(({ code, result }) => result !== 'fail' || !codes.includes(code))
    return decision.outcome === 'refused' && checks.every(({ result }) => result !== 'fail') ? { outcome: 'lawful', checks } : decision
  },
})

export const plants = {
  /** A law remembers the order in which it saw people, in memory, and writes the first. */
  unordered_map: withRules(() => {
    const seen = new Map<string, number>()
    return (law) =>
      law.kind !== 'coop.settings.set'
        ? law
        : {
            ...law,
            apply(op, tables) {
              law.apply(op, tables)
              seen.set(op.author, 1)
              tables.put(coopTable, [], { ...(tables.get(coopTable, []) as CoopRow), end_reason: [...seen.keys()][0] as string })
            },
          }
  }),
  lost_undo: (world) => {
    const isTurn = every(7)
    return withFold(
      'undo',
      (before) =>
        function (this: SpaceWork, place) {
          if (!isTurn()) before.call(this, place)
        },
    )(world)
  },
  skipped_rewind: (world) => {
    const isTurn = every(4)
    return withFold(
      'rewind',
      (before) =>
        function (this: SpaceWork, start) {
          return isTurn() ? [] : before.call(this, start)
        },
    )(world)
  },
  lost_event: (world) => {
    const isTurn = every(3)
    return withFold(
      'emit',
      (before) =>
        function (this: SpaceWork, type, ...rest) {
          if (type !== 'operation.revised' || !isTurn()) before.call(this, type, ...rest)
        },
    )(world)
  },
  vector_off_by_one: withJournal((journal) => ({
    vectors(space) {
      const vectors = journal.vectors(space)
      return vectors && { ...vectors, entries: () => vectors.entries().map((entry) => ({ ...entry, seq: entry.seq + 1 })) }
    },
  })),
  dropped_have: (world) => {
    const told = new Set<string>()
    return withFrames((frame, way) => {
      if (frame.t !== 'have' || !told.has(`${way} ${frame.space}`)) {
        if (frame.t === 'have') told.add(`${way} ${frame.space}`)
        return frame
      }
      return undefined
    })(world)
  },
  credit_leak: withFrames((frame) => (frame.t === 'credit' ? undefined : frame)),
  forgotten_host_status: (world) => {
    world.wrapping = { hosting: (hosting) => ({ ...hosting, mayHave: () => true }) }
    return nothing
  },
  last_steward_forgotten: withRules(() => (law) => deciding(law, ['LAST_STEWARD'])),
  removed_may_speak: withRules(() => (law) => deciding(law, ['NOT_A_MEMBER', 'MEMBER_NOT_ACTIVE', 'POWER_MISSING'])),
  no_reviews: withRules(() => (law) => ({ ...law, apply: (op, tables) => law.apply(op, withoutPuts(tables, reviews.name)) })),
  quarantine_forgets: withJournal((journal) => ({ quarantine: (space, options) => journal.quarantine(space, options).slice(1) })),
  unsynced_write: (world) => {
    for (const node of world.nodes) node.disk.isLazy = true
    return nothing
  },
  false_alarm: (world) => {
    const isTurn = every(400)
    const before = world.verified.bind(world)
    world.verified = (check) => before(check) && !isTurn()
    return nothing
  },
} as const satisfies Record<string, Plant>

export type PlantName = keyof typeof plants

export const plantOf = (name: string | undefined): Plant | undefined => (name !== undefined && Object.hasOwn(plants, name) ? plants[name as PlantName] : undefined)
