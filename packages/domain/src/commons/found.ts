import type { CommonsFound as Body, Law } from '@icn/protocol'
import { CommonsFound, commonsSpace, Judgement } from '@icn/protocol'
import { keepers, network, stewards } from './tables.ts'

/** The first operation of `commons`; its id is the network's id. A lone node founds its own network with itself as keeper (ruling 1). */
export const foundLaw: Law<Body> = {
  kind: 'commons.found',
  key: 'R',
  body: CommonsFound,
  decide(op, facts) {
    const j = new Judgement()
    const { body } = op
    const named = [...body.keepers, ...body.stewards]
    j.refuseIf(op.space !== commonsSpace, 'SPACE_MISMATCH', { params: { space: op.space, expected: commonsSpace } })
    j.refuseIf(op.genesis !== op.id || facts.get(network, []) !== undefined, 'WRONG_GENESIS')
    j.refuseIf(!named.includes(op.author), 'FOUNDER_UNNAMED')
    j.refuseIf(new Set(named).size !== named.length, 'NAMES_REPEATED')
    return j.decision()
  },
  apply(op, tables) {
    const { body } = op
    const at = op.at[0]
    tables.put(network, [], { network_id: op.id, name: body.name, founded_at: at, founded_by: op.author })
    for (const did of body.keepers) tables.put(keepers, [did], { label: '', addresses: [], since_at: at })
    for (const did of body.stewards) tables.put(stewards, [did], { since_at: at })
    tables.emit('commons.founded', { network_id: op.id, name: body.name, keepers: body.keepers.length, stewards: body.stewards.length })
  },
}
