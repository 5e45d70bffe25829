import { Judgement, int, type Law, part, type Rules, table, text } from '@icn/protocol'
import { z } from 'zod'

/** A law of two rows for benches of the engine: what a payment costs without a ledger's rules. */

const accounts = table('bench.accounts', [part.text()], z.strictObject({ balance: z.int() }))
const name = text(1, 64)

interface Transfer {
  readonly payer: string
  readonly payee: string
  readonly amount: number
}

const found: Law = {
  kind: 'bench.found',
  key: 'R',
  body: z.strictObject({}),
  decide: () => new Judgement().decision(),
  apply: () => {},
}

/** Opens many accounts at once, so that a big state is quick to make. */
const open: Law<{ from: number; count: number }> = {
  kind: 'bench.open',
  key: 'N',
  body: z.strictObject({ from: int(0, 1e9), count: int(1, 1_000) }),
  decide: () => new Judgement().decision(),
  apply(op, tables) {
    for (let i = 0; i < op.body.count; i++) tables.put(accounts, [`a${op.body.from + i}`], { balance: 1_000 })
  },
}

const transfer: Law<Transfer> = {
  kind: 'bench.transfer',
  key: 'N',
  body: z.strictObject({ payer: name, payee: name, amount: int(1, 1e9) }),
  decide(op, facts) {
    const j = new Judgement()
    const payer = facts.get(accounts, [op.body.payer])?.balance ?? 0
    j.refuseIf(op.body.payer === op.body.payee, 'OWN_CASE')
    j.refuseIf(payer - op.body.amount < -1_000_000_000, 'MEMBERS_FULL', { limit: -1_000_000_000, used: payer, requested: op.body.amount })
    return j.decision()
  },
  apply(op, tables) {
    const payer = tables.get(accounts, [op.body.payer])?.balance ?? 0
    const payee = tables.get(accounts, [op.body.payee])?.balance ?? 0
    tables.put(accounts, [op.body.payer], { balance: payer - op.body.amount })
    tables.put(accounts, [op.body.payee], { balance: payee + op.body.amount })
  },
}

export const transferRules: Rules = {
  version: '0-bench',
  laws: new Map([found, open, transfer].map((law) => [law.kind, law as Law])),
  tables: [accounts],
  guard: () => [],
  hosts: () => [],
  check: () => [],
}
