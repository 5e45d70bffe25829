import type { Facts, Finding } from '@icn/protocol'
import { encodeTrusted, equalBytes, sha256 } from '@icn/protocol'
import { acts, counts, due, grantOf, grants, grantsTo, keyOf, keys, liveGrants, openActs } from './tables.ts'

/** Invariants I2, I4 and I10 as far as a state can show them, and that indexes and counts agree with what they count. */
export function checkIdentity(facts: Facts): readonly Finding[] {
  const found: Finding[] = []
  const say = (invariant: string, text: string, evidence: Record<string, unknown>): void => void found.push({ invariant, text, evidence })
  checkKeys(facts, say)
  checkGrants(facts, say)
  checkActs(facts, say)
  return found
}

type Say = (invariant: string, text: string, evidence: Record<string, unknown>) => void

function checkKeys(facts: Facts, say: Say): void {
  let expected = 0
  for (const [[did], row] of facts.scan(keys)) {
    const all = row.since_op === undefined ? [] : [row.root, ...row.retired.map(({ key }) => key)]
    if (new Set(all).size !== all.length) say('I4', 'A retired key became a root again.', { did })
    for (const key of all) if (facts.get(keyOf, [key]) !== did) say('I4', 'A root, now or before, is not found by its key.', { did, key })
    expected += all.length
  }
  const have = facts.count(keyOf)
  if (have !== expected) say('I4', 'The index of keys has another number of rows.', { have, expected })
}

function checkGrants(facts: Facts, say: Say): void {
  const live = new Map<string, number>()
  let rows = 0
  for (const [[author, id], row] of facts.scan(grants)) {
    rows++
    if (facts.get(grantOf, [id]) !== author || facts.get(grantsTo, [row.grantee, id]) !== author) say('I2', 'A grant is not found by its id or its grantee.', { author, grant: id })
    const indexed = facts.get(liveGrants, [author, row.not_after_at, id]) !== undefined
    if (indexed) live.set(author, (live.get(author) ?? 0) + 1)
    if (indexed && row.revoked !== undefined) say('I3', 'A revoked grant counts as live.', { author, grant: id })
    const parent = row.parent === undefined ? undefined : facts.get(grants, [author, row.parent])
    if (row.parent !== undefined && parent === undefined) say('I2', 'A grant was made under one that is not here.', { author, grant: id })
    if (parent?.revoked !== undefined && row.revoked === undefined && indexed) say('I3', 'A grant outlived the one it was made under.', { author, grant: id })
    if (row.grantee_kind === 'device' && row.parent !== undefined) say('I2', 'A device was allowed by a device.', { author, grant: id })
  }
  for (const table of [grantOf, grantsTo]) if (facts.count<any, unknown>(table) !== rows) say('I2', 'An index of grants has another number of rows.', { table: table.name })
  let indexed = 0
  for (const n of live.values()) indexed += n
  if (facts.count(liveGrants) !== indexed) say('I2', 'The index of live grants names one that is not here.', {})
  for (const [[who, name], n] of facts.scan(counts)) if (name === 'grants' && n !== (live.get(who) ?? 0)) say('I2', 'The count of live grants is wrong.', { who, n })
}

function checkActs(facts: Facts, say: Say): void {
  const open = new Map<string, number>()
  let opens = 0
  for (const [[id], row] of facts.scan(acts)) {
    const persons = [row.proposer, ...row.confirmed.map(({ did }) => did)]
    if (new Set(persons).size !== persons.length) say('I10', 'An act counts one person twice.', { act: id })
    if (row.subject !== undefined && persons.includes(row.subject)) say('I10', 'An act counts the person it is about.', { act: id })
    if (row.state === 'done' && persons.length < row.need) say('I10', 'An act took effect with too few persons.', { act: id })
    if (row.state !== 'open') continue
    opens++
    open.set(row.proposer, (open.get(row.proposer) ?? 0) + 1)
    if (facts.get(due, [row.expires_at, 'act_expires', id]) === undefined) say('I10', 'An open act has no end.', { act: id })
    const same = facts.get(openActs, [row.kind, sha256(encodeTrusted(row.body))])
    // The same may have been proposed anew once this one had run out and nobody had swept yet.
    if (same === undefined || (same !== id && (facts.get(acts, [same])?.proposed_at ?? 0) < row.expires_at)) say('I10', 'An open act is not found by what it wants.', { act: id })
  }
  if (facts.count(due) !== opens) say('I10', 'What is due has another number of rows than acts are open.', { opens })
  for (const [[kind, digest], id] of facts.scan(openActs)) {
    const row = facts.get(acts, [id])
    if (row === undefined || row.state !== 'open' || row.kind !== kind || !equalBytes(sha256(encodeTrusted(row.body)), digest))
      say('I10', 'The index of open acts names one that is not open.', { act: id })
  }
  for (const [[who, name], n] of facts.scan(counts))
    if (name === 'acts' && n !== (who === '' ? opens : (open.get(who) ?? 0))) say('I10', 'The count of open acts is wrong.', { who, n })
}
