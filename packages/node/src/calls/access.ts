import type { Row, SpaceId } from '@icn/protocol'
import type { Call, Caller } from './call.ts'
import { refuse } from './refusal.ts'

/** A narrowed token may do less than the person (doors page §5.3). `write` says nothing of `read`, only `write` of itself. */
export function checkScope(row: Row, caller: Caller, space: SpaceId | undefined): void {
  if (caller.did === undefined || row.access.includes('public')) return
  if (caller.scopes !== undefined && (row.scope === undefined ? row.mode !== 'read' : !covers(caller.scopes, row.scope)))
    throw refuse('SCOPE_TOO_NARROW', { scope: row.scope ?? row.mode, space: space ?? 'node' })
  if (caller.spaces !== undefined && space !== undefined && !caller.spaces.includes(space)) throw refuse('SCOPE_TOO_NARROW', { scope: row.scope ?? row.mode, space })
  // What reaches every space of a person is more than a token for one space may touch.
  if (caller.spaces !== undefined && row.space === 'own' && row.mode === 'write') throw refuse('SCOPE_TOO_NARROW', { scope: row.scope ?? row.mode, space: 'own' })
}

export function covers(scopes: readonly string[], scope: string): boolean {
  return scopes.includes(scope) || (scope.endsWith(':read') && scopes.includes(`${scope.slice(0, -5)}:write`))
}

/** The early no (doors page §5.4). The law decides; who may not know that something exists hears that it does not. */
export const checkAccess = {
  /** Before the input is looked at. */
  before(row: Row, caller: Caller): void {
    if (row.access.includes('public') || (row.access.includes('operator') && caller.operator)) return
    if (row.access.every((word) => word === 'operator')) throw refuse('OPERATOR_ONLY')
    if (caller.did === undefined) throw refuse('UNAUTHENTICATED')
  },
  /** With the space's state at hand; `foreignRules` are those of a space that is here and that this release cannot read. */
  on(row: Row, call: Call, foreignRules?: string): void {
    const { access } = row
    const inSpace = call.space !== undefined
    if (inSpace && call.facts === undefined && call.space !== 'commons')
      throw foreignRules === undefined ? refuse('NOT_FOUND') : refuse('RULES_UNSUPPORTED', { found: foreignRules })
    if (access.includes('public') || access.includes('session') || (access.includes('operator') && call.caller.operator)) return
    const self = (call.input as { readonly did?: unknown }).did
    if (access.includes('self') && self === call.caller.did) return
    if (access.some((word) => call.rights.has(word))) return
    if (call.rights.size === 0) throw refuse('NOT_FOUND')
    // Who stands in the space but lacks the power hears it from the law, with its evidence.
    if (row.mode === 'write' || access.includes('author')) return
    throw refuse('POWER_MISSING', { power: access[0], roles: [] })
  },
}
