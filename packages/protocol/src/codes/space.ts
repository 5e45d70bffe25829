import { defineCodes } from './define.ts'

export const spaceCodes = defineCodes({
  // checkpoints
  CHECKPOINT_STALE: { class: 'already_done', en: 'Everything up to this cut is confirmed already.', es: 'Todo hasta este corte ya está confirmado.' },
  CHECKPOINT_SPLIT: {
    class: 'conflict',
    en: 'Another checkpoint follows the same one, and neither continues the other.',
    es: 'Otro punto de control sigue al mismo, y ninguno continúa al otro.',
  },
  CHECKPOINT_AHEAD: { class: 'rule', en: 'A checkpoint’s cut lies before the checkpoint itself.', es: 'El corte de un punto de control está antes del propio punto de control.' },
  CHECKPOINT_UNSETTLED: { class: 'rule', en: 'The cut could not be computed here.', es: 'El corte no se pudo calcular aquí.' },
  CHECKPOINT_ACKS: {
    class: 'rule',
    en: 'An acknowledgement is repeated, wrong, or of a node that is no host.',
    es: 'Una confirmación está repetida, es incorrecta o es de un nodo que no es anfitrión.',
  },
  CHECKPOINT_NO_MAJORITY: {
    class: 'rule',
    en: '{used} of {limit} hosts have confirmed; more than half are needed.',
    es: 'Han confirmado {used} de {limit} anfitriones; se necesita más de la mitad.',
  },
  CHECKPOINT_RULES: {
    class: 'rule',
    en: 'The checkpoint was made under the rules {found}; here {expected} hold.',
    es: 'El punto de control se hizo con las reglas {found}; aquí valen {expected}.',
  },
  CHECKPOINT_ROOT_DIFFERS: {
    class: 'rule',
    en: 'The checkpoint says something else about {fields} than what was computed here.',
    es: 'El punto de control dice otra cosa sobre {fields} que lo calculado aquí.',
  },

  // quarantine
  REISSUE_UNKNOWN: { class: 'not_found', en: 'The operation said to replace it is not held here.', es: 'La operación que la sustituye no se guarda aquí.' },

  // adoption of rules
  ADOPT_IN_PAST: { class: 'rule', en: 'New rules hold from a time ahead.', es: 'Las reglas nuevas valen desde un momento futuro.' },
  ADOPT_PENDING: { class: 'conflict', en: 'The rules {rules} are adopted already and begin later.', es: 'Las reglas {rules} ya están adoptadas y empiezan más tarde.' },
  ALREADY_ADOPTED: { class: 'already_done', en: 'The rules {rules} are adopted already.', es: 'Las reglas {rules} ya están adoptadas.' },

  // commons
  FOUNDER_UNNAMED: {
    class: 'forbidden',
    en: 'A network is founded by one of the stewards or keepers it names.',
    es: 'Una red la funda uno de los responsables o guardianes que nombra.',
  },
  NAMES_REPEATED: { class: 'input', en: 'A DID is named twice.', es: 'Un DID aparece dos veces.' },
  KEEPER_UNKNOWN: { class: 'not_found', en: '{did} is no keeper of the network.', es: '{did} no es guardián de la red.' },
  KEEPER_IS_PERSON: {
    class: 'rule',
    en: 'A keeper is a node; {did} is a person of this network.',
    es: 'Un guardián es un nodo; {did} es una persona de esta red.',
  },
  KEEPERS_FULL: { class: 'rule', en: 'A network has {limit} keepers at most.', es: 'Una red tiene como máximo {limit} guardianes.' },
  KEEPERS_TOO_FEW: {
    class: 'rule',
    en: 'It takes {need} keepers other than the one it is about, and there are {have}.',
    es: 'Hacen falta {need} guardianes además del afectado, y hay {have}.',
    fix: { en: 'It can leave by itself; or add another keeper first.', es: 'Puede retirarse él mismo; o añada antes otro guardián.' },
  },
  LAST_KEEPER: {
    class: 'rule',
    en: 'This would leave the network without a keeper, and nothing in it could become final.',
    es: 'Esto dejaría a la red sin guardián, y nada en ella podría ser definitivo.',
    fix: { en: 'Add another keeper first.', es: 'Añada antes otro guardián.' },
  },
  KEEPER_EXISTS: { class: 'already_done', en: 'This node is a keeper already.', es: 'Este nodo ya es guardián.' },
  NOT_A_KEEPER: { class: 'forbidden', en: 'Only a keeper of the network may do this.', es: 'Solo puede hacerlo un guardián de la red.' },
})
