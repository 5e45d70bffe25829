import { type Facts, int, Judgement, type Law, part, type Rules, table, text } from '@icn/protocol'
import { z } from 'zod'
import { toyRules } from './toy-rules.ts'

/** Money in two tables, and who may pay: what must be the same on both sides of every cut. */

const accounts = table('pay.accounts', [part.text()], z.strictObject({ balance: z.int() }))
const payments = table('pay.payments', [part.text()], z.strictObject({ payer: z.string(), payee: z.string(), amount: z.int() }))
const members = table('pay.members', [part.text()], z.strictObject({ since: z.int() }))
const name = text(1, 64)
const overdraftMax = 100

const join: Law<{ readonly name: string }> = {
  kind: 'pay.join',
  key: 'N',
  body: z.strictObject({ name }),
  decide(op, facts) {
    const j = new Judgement()
    j.refuseIf(facts.get(members, [op.body.name]) !== undefined, 'ALREADY_ACTIVE')
    return j.decision()
  },
  apply: (op, tables) => tables.put(members, [op.body.name], { since: op.at[0] }),
}

const leave: Law<{ readonly name: string }> = {
  kind: 'pay.leave',
  key: 'N',
  body: z.strictObject({ name }),
  decide(op, facts) {
    const j = new Judgement()
    j.refuseIf(facts.get(members, [op.body.name]) === undefined, 'NOT_A_MEMBER')
    j.refuseIf((facts.get(accounts, [op.body.name])?.balance ?? 0) !== 0, 'ALREADY_SIGNED')
    return j.decision()
  },
  apply(op, tables) {
    tables.delete(members, [op.body.name])
    tables.delete(accounts, [op.body.name])
  },
}

const pay: Law<{ readonly payer: string; readonly payee: string; readonly amount: number }> = {
  kind: 'pay.pay',
  key: 'N',
  body: z.strictObject({ payer: name, payee: name, amount: int(1, 1_000) }),
  decide(op, facts) {
    const j = new Judgement()
    const { payer, payee, amount } = op.body
    j.refuseIf(payer === payee, 'OWN_CASE')
    j.refuseIf(
      [payer, payee].some((who) => facts.get(members, [who]) === undefined),
      'NOT_A_MEMBER',
    )
    const balance = facts.get(accounts, [payer])?.balance ?? 0
    j.refuseIf(balance - amount < -overdraftMax, 'MEMBERS_FULL', { limit: -overdraftMax, used: balance, requested: amount })
    return j.decision()
  },
  apply(op, tables) {
    const { payer, payee, amount } = op.body
    for (const [who, change] of [
      [payer, -amount],
      [payee, amount],
    ] as const)
      tables.put(accounts, [who], { balance: (tables.get(accounts, [who])?.balance ?? 0) + change })
    tables.put(payments, [op.id], { payer, payee, amount })
  },
}

/** What does not add up in a state; nothing in a sound one. */
export function moneyTroubles(facts: Facts): string[] {
  const troubles: string[] = []
  const owed = new Map<string, number>()
  for (const [, { payer, payee, amount }] of facts.scan(payments)) {
    owed.set(payer, (owed.get(payer) ?? 0) - amount)
    owed.set(payee, (owed.get(payee) ?? 0) + amount)
  }
  let sum = 0
  for (const [[who], { balance }] of facts.scan(accounts)) {
    sum += balance
    if (facts.get(members, [who]) === undefined) troubles.push(`${who} has ${balance} and is no member`)
    if (balance < -overdraftMax) troubles.push(`${who} owes ${-balance}`)
    if (balance !== (owed.get(who) ?? 0)) troubles.push(`${who} has ${balance}; the payments come to ${owed.get(who) ?? 0}`)
    owed.delete(who)
  }
  if (sum !== 0) troubles.push(`all balances together are ${sum}`)
  for (const [who, balance] of owed) if (balance !== 0) troubles.push(`${who} has no account; the payments come to ${balance}`)
  return troubles
}

export const paymentRules: Rules = {
  ...toyRules,
  version: '0-pay',
  laws: new Map([...toyRules.laws, ...[join, leave, pay].map((law): [string, Law] => [law.kind, law as Law])]),
  tables: [...toyRules.tables, accounts, payments, members],
}

export const paid = { accounts, payments, members }
