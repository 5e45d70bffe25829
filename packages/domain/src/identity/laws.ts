import type { KeyClass, Law } from '@icn/protocol'
import { SpaceAdopt } from '@icn/protocol'
import { applyAdopt, checkAdopt } from '../space/index.ts'
import { confirmLaw, directLaw, proposeLaw, withdrawLaw } from './acts.ts'
import { grantLaw, revokeLaw } from './grants.ts'
import { freezeLaw, rotateLaw } from './keys.ts'
import type { ActKind, SpaceProfile } from './profile.ts'
import { sweepLaw } from './sweep.ts'

/** `keyOfKind` looks a kind up in the finished set of laws, of which these are a part. */
export function identityLaws(profile: SpaceProfile, keyOfKind: (kind: string) => KeyClass | undefined): readonly Law[] {
  return [grantLaw(profile, keyOfKind), revokeLaw, rotateLaw(profile), freezeLaw(profile), sweepLaw(profile)]
}

/** `space.adopt` as an act of whoever the space's act rule names. `founding`: the rules the space began with. */
export function adoptAct(founding: string): ActKind<SpaceAdopt> {
  return {
    kind: 'space.adopt',
    key: 'D',
    body: SpaceAdopt,
    check: ({ op, body }, facts) => checkAdopt(op, body, facts, founding),
    apply: ({ op, body }, tables) => applyAdopt(op, body, tables),
  }
}

/** Acts, and `space.adopt`, which is one in every space. */
export function actLaws(profile: SpaceProfile, founding: string): readonly Law[] {
  const adopt = adoptAct(founding)
  const parts = { profile, act: (kind: string) => (kind === adopt.kind ? adopt : profile.act(kind)) }
  return [proposeLaw(parts), confirmLaw(parts), withdrawLaw(parts), directLaw(profile, adopt)]
}
