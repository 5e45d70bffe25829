import { defineCodes } from './define.ts'

export const engineCodes = defineCodes({
  KIND_UNKNOWN: {
    class: 'rule',
    en: 'The rules of this space have no operation of the kind {kind}.',
    es: 'Las reglas de este espacio no tienen ninguna operación del tipo {kind}.',
  },
  TOO_MANY_ROWS: { class: 'rule', en: 'One operation may write {limit} rows; this one would write more.', es: 'Una operación puede escribir {limit} filas; esta escribiría más.' },
  LATE: {
    class: 'precondition',
    http: 412,
    en: 'This change arrived too late: what happened before {cut_at} is already confirmed.',
    es: 'Este cambio llegó demasiado tarde: lo anterior a {cut_at} ya está confirmado.',
    fix: { en: 'Sign it again with the present time.', es: 'Fírmelo de nuevo con la hora actual.' },
  },
  CLOCK_AHEAD: {
    class: 'precondition',
    http: 412,
    en: 'The time of this change is ahead: the clock of the device that signed it, or that of this node.',
    es: 'La hora de este cambio va adelantada: el reloj del dispositivo que lo firmó o el de este nodo.',
    fix: {
      en: 'Set the clock that is wrong (icnctl doctor says whether it is the node’s), then try again.',
      es: 'Ajuste el reloj equivocado (icnctl doctor dice si es el del nodo) y vuelva a intentarlo.',
    },
  },
  SEQUENCE_STALE: {
    class: 'conflict',
    en: 'This key has already used the number {seq}; the next one is {next}.',
    es: 'Esta clave ya usó el número {seq}; el siguiente es {next}.',
    fix: { en: 'Draft the change again.', es: 'Redacte el cambio de nuevo.' },
  },
  RECOVERING: {
    class: 'busy',
    en: 'This node may have signed more in {space} than it knows, and asks the other hosts first.',
    es: 'Este nodo quizá firmó en {space} más de lo que sabe, y pregunta antes a los demás anfitriones.',
    fix: {
      en: 'Wait until the other hosts have answered (icnctl status). If there are none any more, its operator starts it with --i-am-the-only-host.',
      es: 'Espere a que los demás anfitriones respondan (icnctl status). Si ya no hay ninguno, su operador lo inicia con --i-am-the-only-host.',
    },
  },
  NOT_CAUGHT_UP: { class: 'busy', en: 'This node does not have everything yet that the change refers to.', es: 'Este nodo aún no tiene todo a lo que se refiere el cambio.' },
  STATE_CHANGED: {
    class: 'precondition',
    http: 412,
    en: 'What the trial run looked at has changed since.',
    es: 'Lo que miró la prueba ha cambiado desde entonces.',
    fix: { en: 'Try it out again, then send it.', es: 'Pruébelo de nuevo y envíelo.' },
  },
  RULES_UNSUPPORTED: {
    class: 'conflict',
    en: 'This space follows rules {found}, which this release does not have.',
    es: 'Este espacio sigue las reglas {found}, que esta versión no tiene.',
    fix: { en: 'Start the release that has them; development data is made anew.', es: 'Inicie la versión que las tiene; los datos de desarrollo se crean de nuevo.' },
  },
  OPERATION_MALFORMED: { class: 'input', en: 'These bytes are not a well-formed operation: {reason}.', es: 'Estos bytes no son una operación bien formada: {reason}.' },
  OPERATION_UNKNOWN: { class: 'not_found', en: 'No operation of this id is held here.', es: 'Aquí no se guarda ninguna operación con este identificador.' },
  SPACE_UNKNOWN: { class: 'not_found', en: 'No space of this name is held here.', es: 'Aquí no se guarda ningún espacio con este nombre.' },
  WRONG_GENESIS: {
    class: 'conflict',
    en: 'A space of this name is held here that began with another first operation.',
    es: 'Aquí se guarda un espacio con este nombre que empezó con otra primera operación.',
  },
  FORKED: {
    class: 'conflict',
    en: 'The key {signer} was used twice for one number and is closed in this space.',
    es: 'La clave {signer} se usó dos veces para un mismo número y está cerrada en este espacio.',
  },
  SUPERSEDED: { class: 'conflict', en: 'The same change was signed twice; the earlier one counts.', es: 'El mismo cambio se firmó dos veces; cuenta el anterior.' },
  LAW_FAULT: {
    class: 'internal',
    en: 'A rule of this release failed while judging the change; nothing was written.',
    es: 'Una regla de esta versión falló al juzgar el cambio; no se escribió nada.',
  },
  SPACES_FULL: { class: 'full', en: 'This node already holds {limit} spaces.', es: 'Este nodo ya guarda {limit} espacios.' },
  AS_OF_OUT_OF_REACH: { class: 'gone', en: 'The state at that time can no longer be shown.', es: 'El estado de ese momento ya no se puede mostrar.' },
})
