import { z } from 'zod'
import { did } from '../schema.ts'
import { DecisionJson, listFields } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** "Why?" (doors page §4). */

const example = {
  id: 'dec_01KBJ5H0000000000000000000',
  space: 'coop:food',
  kind: 'coop.member.admit',
  author: sample.ada,
  by: sample.elm,
  decided_at: sample.at,
  outcome: 'lawful',
  mode: 'real',
  state: { checkpoint: null, head: sample.one },
  checks: [],
  remedies: [],
  appeal: null,
  summary: 'Every rule was met.',
} as const

export const decisionRows = {
  'decision.get': row({
    rest: 'GET /v1/decisions/{id}',
    cli: 'explain',
    mode: 'read',
    space: 'own',
    access: ['session'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ id: z.string().min(1).max(128).describe('Id of a decision or of an operation.') }),
    output: DecisionJson,
    refuses: ['DECISION_RECORD_UNKNOWN'],
    says: 'Say why something was done or refused: every check with its numbers.',
    example: { input: { id: example.id }, output: example },
    since: '1.0',
  }),
  'decision.list': row({
    rest: 'GET /v1/decisions',
    cli: 'operation decisions',
    mode: 'list',
    space: 'own',
    access: ['session'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ author: did.optional().describe('Yours; the operator may name another.'), ...listFields }),
    output: DecisionJson,
    refuses: [],
    says: 'List refusals of your own that this node remembers, newest first.',
    example: { input: {}, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
} as const
