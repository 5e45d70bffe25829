import { defineCodes } from './define.ts'

/** The directory of cooperatives in `commons` (commons page §4). */
export const directoryCodes = defineCodes({
  // input
  THRESHOLD_INVALID: {
    class: 'input',
    en: 'Between one and all {count} of the controllers have to agree, no other number.',
    es: 'Han de estar de acuerdo entre uno y todos los {count} controladores, no otro número.',
  },
  SIGNER_REPEATED: { class: 'input', en: 'Somebody has signed twice.', es: 'Alguien ha firmado dos veces.' },
  CHARTER_HASH_MISMATCH: { class: 'input', en: 'The text of the charter is not the one that was signed.', es: 'El texto de los estatutos no es el que se firmó.' },
  CONTROLLER_NOT_SIGNER: { class: 'input', en: 'Only somebody who has signed the charter can be a controller.', es: 'Solo quien firmó los estatutos puede ser controlador.' },

  // forbidden
  VIA_REQUIRED: {
    class: 'forbidden',
    en: 'Whoever is new in this network needs a node of it that introduces them.',
    es: 'Quien es nuevo en esta red necesita un nodo suyo que lo presente.',
    fix: { en: 'Ask at a node that is a keeper or hosts a listed cooperative.', es: 'Pídalo en un nodo que sea guardián o aloje una cooperativa inscrita.' },
  },
  NOT_A_SIGNER: {
    class: 'forbidden',
    en: 'Only who reserved the id, or has signed the charter, may enter it.',
    es: 'Solo quien reservó el identificador, o firmó los estatutos, puede inscribirla.',
  },
  NOT_A_CONTROLLER: { class: 'forbidden', en: 'Only a controller of this entry may change it.', es: 'Solo un controlador de esta inscripción puede cambiarla.' },

  // not found
  COOP_UNLISTED: { class: 'not_found', en: 'The directory has no cooperative {coop_id}.', es: 'El directorio no tiene ninguna cooperativa {coop_id}.' },
  RESERVATION_MISSING: {
    class: 'not_found',
    en: 'This id is not reserved by you.',
    es: 'Este identificador no está reservado por usted.',
    fix: { en: 'Reserve it first.', es: 'Resérvelo primero.' },
  },

  // conflict
  ID_TAKEN: {
    class: 'conflict',
    en: 'Another cooperative of this network has the id {coop_id}.',
    es: 'Otra cooperativa de esta red tiene el identificador {coop_id}.',
    fix: { en: 'Choose another id.', es: 'Elija otro identificador.' },
  },
  VERSION_STALE: {
    class: 'conflict',
    en: 'Somebody has changed the entry meanwhile; the next version is {version}.',
    es: 'Alguien cambió la inscripción entretanto; la próxima versión es {version}.',
    fix: { en: 'Look at it again.', es: 'Mírela de nuevo.' },
  },
  STATUS_INVALID: { class: 'conflict', en: 'A cooperative that is {status} cannot go there.', es: 'Una cooperativa en estado {status} no puede pasar a ese otro.' },

  // rule
  VIA_EXHAUSTED: {
    class: 'rule',
    en: '{did} has introduced {limit} people today; that is the most.',
    es: '{did} ya ha presentado hoy a {limit} personas; es el máximo.',
    fix: { en: 'Ask at another node, or tomorrow.', es: 'Pídalo en otro nodo, o mañana.' },
  },
  RESERVATIONS_TOO_MANY: {
    class: 'rule',
    en: 'You keep {limit} ids already; that is the most.',
    es: 'Usted ya tiene {limit} identificadores reservados; es el máximo.',
    fix: { en: 'Release one, or list its cooperative.', es: 'Libere uno, o inscriba su cooperativa.' },
  },
  SIGNATURES_MISSING: {
    class: 'rule',
    en: '{need} founders have to have signed the charter; there are {have} signatures of founders.',
    es: 'Han de haber firmado los estatutos {need} fundadores; hay {have} firmas de fundadores.',
  },
  CONTROLLERS_MISSING: {
    class: 'rule',
    en: 'This change takes {need} controllers; {have} have agreed.',
    es: 'Este cambio necesita {need} controladores; {have} están de acuerdo.',
    fix: { en: 'Have others sign it, too.', es: 'Que otros lo firmen también.' },
  },

  // already done
  ALREADY_RESERVED: { class: 'already_done', en: 'This cooperative has the id already.', es: 'Esta cooperativa ya tiene el identificador.' },
  ALREADY_REGISTERED: { class: 'already_done', en: 'This cooperative is in the directory already.', es: 'Esta cooperativa ya está en el directorio.' },
})
