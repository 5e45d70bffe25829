import { type Did, type Facts, int, Judgement, type Law, type OperationView, part, type Rules, type Table, table, text } from '@icn/protocol'
import { z } from 'zod'

/** Small laws for tests and benches of the engine: some depend on order, some break rules on purpose. */

const registers = table('toy.registers', [part.text()], z.strictObject({ value: z.int(), by: z.string() }))
const sums = table('toy.sums', [part.text()], z.strictObject({ total: z.int(), count: z.int() }))
const hosts = table('toy.hosts', [part.text<Did>()], z.strictObject({ since: z.int() }))
const closed = table('toy.closed', [part.text<Did>()], z.strictObject({ at: z.int() }))
const checkpoints = table('toy.checkpoints', [part.int(), part.int()], z.strictObject({ root: z.unknown(), count: z.int() }))

const name = text(1, 32)

const found: Law<{ name: string; hosts?: readonly Did[] }> = {
  kind: 'toy.found',
  key: 'R',
  body: z.strictObject({ name, hosts: z.array(z.string()).max(9).optional() }) as unknown as z.ZodType<{ name: string; hosts?: readonly Did[] }>,
  decide: (_op, facts: Facts) => {
    const j = new Judgement()
    j.refuseIf(facts.first(hosts) !== undefined, 'ALREADY_FOUNDED')
    return j.decision()
  },
  apply(op, tables) {
    for (const did of op.body.hosts ?? [op.author]) tables.put(hosts, [did], { since: op.at[0] })
  },
}

/** Lawful only when the register still holds what the author expected: whoever comes first wins. */
const set: Law<{ name: string; value: number; expect?: number }> = {
  kind: 'toy.set',
  key: 'N',
  body: z.strictObject({ name, value: int(0, 1e9), expect: int(0, 1e9).optional() }) as z.ZodType<{ name: string; value: number; expect?: number }>,
  subject: (body) => body.name,
  decide(op, facts) {
    const j = new Judgement()
    const now = facts.get(registers, [op.body.name])?.value ?? 0
    j.refuseIf(facts.get(closed, [op.author]) !== undefined, 'MEMBER_NOT_ACTIVE')
    j.refuseIf(op.body.expect !== undefined && op.body.expect !== now, 'STATE_CHANGED', { limit: op.body.expect ?? 0, used: now })
    return j.decision()
  },
  apply(op, tables) {
    tables.put(registers, [op.body.name], { value: op.body.value, by: op.author })
    tables.emit('toy.set', { name: op.body.name })
  },
}

/** A sum with a ceiling: what fits depends on everything before. Refuses what would pass it. */
const add: Law<{ name: string; amount: number }> = {
  kind: 'toy.add',
  key: 'N',
  body: z.strictObject({ name, amount: int(1, 100) }),
  decide(op, facts) {
    const j = new Judgement()
    const total = facts.get(sums, [op.body.name])?.total ?? 0
    j.refuseIf(facts.get(closed, [op.author]) !== undefined, 'MEMBER_NOT_ACTIVE')
    j.refuseIf(total + op.body.amount > 500, 'MEMBERS_FULL', { limit: 500, used: total, requested: op.body.amount })
    return j.decision()
  },
  apply(op, tables) {
    const row = tables.get(sums, [op.body.name]) ?? { total: 0, count: 0 }
    tables.put(sums, [op.body.name], { total: row.total + op.body.amount, count: row.count + 1 })
  },
}

/** Doubles every register: reads a range, writes many rows. */
const sweep: Law<Record<string, never>> = {
  kind: 'toy.sweep',
  key: 'N',
  body: z.strictObject({}) as z.ZodType<Record<string, never>>,
  decide(_op, facts) {
    const j = new Judgement()
    j.refuseIf(facts.first(registers) === undefined, 'ALREADY_SIGNED')
    return j.decision()
  },
  apply(op, tables) {
    for (const [key, row] of [...tables.scan(registers)]) tables.put(registers, key, { value: (row.value * 2) % 1_000_003, by: op.author })
    for (const [key, row] of [...tables.scan(sums)]) if (row.count > 20) tables.delete(sums, key)
  },
}

/** Closes an author's mouth: whatever of theirs stands later is refused. */
const close: Law<{ who: Did }> = {
  kind: 'toy.close',
  key: 'N',
  body: z.strictObject({ who: z.string() as unknown as z.ZodType<Did> }),
  decide(op, facts) {
    const j = new Judgement()
    j.refuseIf(facts.get(closed, [op.author]) !== undefined, 'MEMBER_NOT_ACTIVE')
    j.refuseIf(facts.get(closed, [op.body.who]) !== undefined, 'ALREADY_ACTIVE')
    return j.decision()
  },
  apply: (op, tables) => tables.put(closed, [op.body.who], { at: op.at[0] }),
}

/** Writes `rows` rows, or throws: for the engine's own bounds. */
const break_: Law<{ rows: number; fault: boolean }> = {
  kind: 'toy.break',
  key: 'N',
  body: z.strictObject({ rows: int(0, 5_000), fault: z.boolean() }),
  decide: () => new Judgement().decision(),
  apply(op, tables) {
    for (let i = 0; i < op.body.rows; i++) tables.put(registers, [`row-${i}`], { value: i, by: op.author })
    if (op.body.fault) throw new Error('a law that fails')
  },
}

/** Its body is kept for a week only. */
const note: Law<{ text: string }> = {
  kind: 'toy.note',
  key: 'N',
  keepDays: 7,
  body: z.strictObject({ text: text(1, 200) }),
  decide: () => new Judgement().decision(),
  apply: (op, tables) => tables.put(registers, ['noted'], { value: op.body.text.length, by: op.author }),
}

const checkpoint: Law = {
  kind: 'space.checkpoint',
  key: 'R',
  body: z.record(z.string(), z.unknown()),
  decide(op: OperationView<{ root: Uint8Array }>) {
    const j = new Judgement()
    const settled = op.settled
    j.refuseIf(settled === undefined, 'ALREADY_ACTIVE')
    if (settled !== undefined) j.refuseIf(Buffer.compare(settled.root, op.body.root) !== 0, 'WRONG_GENESIS')
    return j.decision()
  },
  apply: (op, tables) => tables.put(checkpoints, [op.body.cut[0], op.body.cut[1]], { root: op.body.root, count: op.body.count }),
}

export const toyTables: readonly Table<any, any>[] = [registers, sums, hosts, closed, checkpoints]

export const toyRules: Rules = {
  version: '0-toy',
  laws: new Map([found, set, add, sweep, close, break_, note, checkpoint].map((law) => [law.kind, law as Law])),
  tables: toyTables,
  guard: () => [],
  hosts: (facts) => [...facts.scan(hosts)].map(([[did]]) => did),
  check: () => [],
}

export const toy = { registers, sums, hosts, closed, checkpoints }
