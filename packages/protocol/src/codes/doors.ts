import { defineCodes } from './define.ts'

/** Codes that the doors themselves answer with (doors page §8); what laws and the journal say stands in the other files. */
export const doorCodes = defineCodes({
  // malformed
  BODY_NOT_JSON: { class: 'malformed', en: 'The body is not JSON: {reason}.', es: 'El cuerpo no es JSON: {reason}.' },
  RPC_REQUEST_INVALID: { class: 'malformed', en: 'This is not a JSON-RPC 2.0 request: {reason}.', es: 'No es una petición JSON-RPC 2.0: {reason}.' },
  // unknown
  ROUTE_UNKNOWN: { class: 'unknown', en: 'There is nothing at {path}.', es: 'No hay nada en {path}.', fix: { en: 'Did you mean {nearest}?', es: '¿Quería decir {nearest}?' } },
  HTTP_METHOD_NOT_ALLOWED: { class: 'unknown', http: 405, en: 'This address takes {allowed}.', es: 'Esta dirección admite {allowed}.' },
  RPC_METHOD_UNKNOWN: {
    class: 'unknown',
    en: 'There is no method {method}.',
    es: 'No existe el método {method}.',
    fix: { en: 'Did you mean {nearest}?', es: '¿Quería decir {nearest}?' },
  },
  // input
  INPUT_INVALID: {
    class: 'input',
    en: 'The request has {count} wrong fields; the first is {pointer}.',
    es: 'La petición tiene {count} campos incorrectos; el primero es {pointer}.',
  },
  FIELD_MISSING: { class: 'input', en: 'The field {pointer} is needed.', es: 'Falta el campo {pointer}.' },
  FIELD_UNKNOWN: {
    class: 'input',
    en: 'There is no field {pointer}.',
    es: 'No existe el campo {pointer}.',
    fix: { en: 'Did you mean {nearest}?', es: '¿Quería decir {nearest}?' },
  },
  FIELD_OUT_OF_RANGE: { class: 'input', en: 'The value of {pointer} is out of bounds.', es: 'El valor de {pointer} está fuera de los límites.' },
  FIELD_FORMAT: { class: 'input', en: 'The value of {pointer} has a wrong form: {reason}.', es: 'El valor de {pointer} tiene una forma incorrecta: {reason}.' },
  ID_MISMATCH: { class: 'input', en: 'The path says {path} and the body says {body} for {field}.', es: 'La ruta dice {path} y el cuerpo dice {body} en {field}.' },
  CURSOR_INVALID: {
    class: 'input',
    en: 'This cursor was not given out here, or for another list.',
    es: 'Este cursor no se dio aquí o es de otra lista.',
    fix: { en: 'Begin the list again.', es: 'Empiece la lista de nuevo.' },
  },
  TOKEN_INVALID: {
    class: 'input',
    en: 'This token was not given out here, or for another call.',
    es: 'Este testigo no se dio aquí o es de otra petición.',
    fix: { en: 'Try it out again.', es: 'Pruébelo de nuevo.' },
  },
  OPTION_UNSUPPORTED: { class: 'input', en: 'This call does not take {option}.', es: 'Esta petición no admite {option}.' },
  BODY_TOO_LARGE: { class: 'input', http: 413, en: 'The body is larger than {limit} bytes.', es: 'El cuerpo supera {limit} bytes.' },
  URL_TOO_LONG: { class: 'input', http: 414, en: 'The address is longer than {limit} bytes.', es: 'La dirección supera {limit} bytes.' },
  HEADERS_TOO_LARGE: { class: 'input', http: 431, en: 'The headers are larger than {limit} bytes.', es: 'Las cabeceras superan {limit} bytes.' },
  CONTENT_TYPE_UNSUPPORTED: { class: 'input', http: 415, en: 'Bodies are {expected}, uncompressed.', es: 'Los cuerpos son {expected}, sin comprimir.' },
  NOT_ACCEPTABLE: { class: 'input', http: 406, en: 'This address answers {offered}.', es: 'Esta dirección responde {offered}.' },
  // unauthenticated
  UNAUTHENTICATED: {
    class: 'unauthenticated',
    en: 'This needs a signed-in person.',
    es: 'Esto requiere haber iniciado sesión.',
    fix: { en: 'Sign in: icnctl auth login.', es: 'Inicie sesión: icnctl auth login.' },
  },
  TOKEN_EXPIRED: { class: 'unauthenticated', en: 'The access token is over.', es: 'El testigo de acceso caducó.' },
  TOKEN_REVOKED: { class: 'unauthenticated', en: 'This session was ended.', es: 'Esta sesión se cerró.' },
  CHALLENGE_INVALID: {
    class: 'unauthenticated',
    en: 'The sign-in does not hold.',
    es: 'El inicio de sesión no es válido.',
    fix: { en: 'Ask for a new challenge and sign it.', es: 'Pida un nuevo reto y fírmelo.' },
  },
  REFRESH_REUSED: { class: 'unauthenticated', en: 'A refresh token was used twice; the session was ended.', es: 'Un testigo de renovación se usó dos veces; la sesión se cerró.' },
  // forbidden
  OPERATOR_ONLY: { class: 'forbidden', en: 'Only the operator of this node may do this.', es: 'Solo puede hacerlo quien opera este nodo.' },
  SCOPE_TOO_NARROW: { class: 'forbidden', en: 'This token may not do {scope} in {space}.', es: 'Este testigo no permite {scope} en {space}.' },
  NO_GRANT: {
    class: 'forbidden',
    en: 'No permission of yours lets {signer} sign {kind} in {space}.',
    es: 'Ningún permiso suyo permite a {signer} firmar {kind} en {space}.',
    fix: { en: 'Sign the draft with your own key, or give a permission.', es: 'Firme el borrador con su clave o dé un permiso.' },
  },
  ORIGIN_NOT_ALLOWED: { class: 'forbidden', en: 'Requests from that website are not taken.', es: 'No se admiten peticiones desde ese sitio.' },
  HOST_NOT_ALLOWED: {
    class: 'forbidden',
    en: 'This node does not answer under that host name.',
    es: 'Este nodo no responde con ese nombre.',
    fix: { en: 'Add it to gateway.hosts.', es: 'Añádalo a gateway.hosts.' },
  },
  FOUNDING_CLOSED: {
    class: 'forbidden',
    en: 'This node founds cooperatives only for those its operator named.',
    es: 'Este nodo solo funda cooperativas para quienes nombró su operador.',
  },
  // not found
  NOT_FOUND: { class: 'not_found', en: 'There is no such thing, or it is not yours to see.', es: 'No existe o no le corresponde verlo.' },
  NOT_HOSTED_HERE: { class: 'not_found', en: 'This node does not hold {space}.', es: 'Este nodo no guarda {space}.' },
  SESSION_UNKNOWN: { class: 'not_found', en: 'There is no such session of yours.', es: 'No tiene ninguna sesión así.' },
  JOB_UNKNOWN: { class: 'not_found', en: 'There is no such job of yours.', es: 'No tiene ninguna tarea así.' },
  QUARANTINE_UNKNOWN: { class: 'not_found', en: 'Nothing of this id waits for a person.', es: 'Nada con este identificador espera a una persona.' },
  DECISION_RECORD_UNKNOWN: { class: 'not_found', en: 'No decision of this id is known here.', es: 'Aquí no se conoce ninguna decisión con este identificador.' },
  // conflict
  ALREADY_EXISTS: { class: 'conflict', en: 'There is one already under this id.', es: 'Ya existe con este identificador.' },
  ID_REUSED: { class: 'conflict', en: 'This id was used for something else.', es: 'Este identificador se usó para otra cosa.' },
  REQUEST_IN_PROGRESS: { class: 'conflict', en: 'A request with this key is still running.', es: 'Una petición con esta clave sigue en curso.' },
  QUARANTINE_CLOSED: { class: 'conflict', en: 'Somebody has settled this already.', es: 'Alguien ya lo resolvió.' },
  QUARANTINE_NOT_NEEDED: { class: 'conflict', en: 'This change stands; there is nothing to settle.', es: 'Este cambio está en pie; no hay nada que resolver.' },
  QUARANTINE_NOT_YOURS: {
    class: 'forbidden',
    en: 'Only its author issues it again; others may set it aside.',
    es: 'Solo quien lo hizo lo emite de nuevo; otras personas pueden apartarlo.',
  },
  QUARANTINE_FORGOTTEN: {
    class: 'gone',
    en: 'What it said was kept for a time only; say it anew.',
    es: 'Lo que decía se guardó solo un tiempo; dígalo de nuevo.',
  },
  JOB_OVER: { class: 'conflict', en: 'This job is over: {state}.', es: 'Esta tarea ya terminó: {state}.' },
  JOB_RUNNING: { class: 'conflict', en: 'A job of this kind is running here: {job_id}.', es: 'Ya hay una tarea de este tipo en curso: {job_id}.' },
  // gone
  EXPIRED: { class: 'gone', en: 'This ended at {expires_at}.', es: 'Esto terminó el {expires_at}.' },
  // precondition
  ETAG_MISMATCH: {
    class: 'precondition',
    http: 412,
    en: 'It has changed since you read it.',
    es: 'Ha cambiado desde que lo leyó.',
    fix: { en: 'Read it again, then decide.', es: 'Léalo de nuevo y decida.' },
  },
  PRECONDITION_REQUIRED: {
    class: 'precondition',
    http: 428,
    en: 'Say which state you have read: If-Match is needed here.',
    es: 'Indique el estado que leyó: aquí se requiere If-Match.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    class: 'precondition',
    http: 422,
    en: 'This key was used with another input.',
    es: 'Esta clave se usó con otra entrada.',
    fix: { en: 'Use a new key.', es: 'Use una clave nueva.' },
  },
  // busy
  RATE_LIMITED: { class: 'busy', http: 429, en: 'Too many requests of the class {limit}.', es: 'Demasiadas peticiones de la clase {limit}.' },
  MAILBOX_FULL: { class: 'busy', en: 'This part of the node has too much waiting.', es: 'Esta parte del nodo tiene demasiado en espera.' },
  ACTOR_DOWN: { class: 'busy', en: 'This part of the node is not running: {actor}.', es: 'Esta parte del nodo no está en marcha: {actor}.' },
  STARTING: { class: 'busy', en: 'The node is starting.', es: 'El nodo se está iniciando.' },
  STOPPING: { class: 'busy', en: 'The node is stopping.', es: 'El nodo se está deteniendo.' },
  SIGN_INS_FULL: { class: 'busy', en: 'Too many people are signing in just now.', es: 'Demasiadas personas inician sesión en este momento.' },
  STORE_READ_ONLY: { class: 'busy', en: 'This node takes no changes just now; reading goes on.', es: 'Este nodo no admite cambios por ahora; se puede leer.' },
  // full
  STORE_FULL: { class: 'full', en: 'The disk of this node is full.', es: 'El disco de este nodo está lleno.' },
  // timeout
  TIMEOUT: { class: 'timeout', en: 'No answer came in time.', es: 'No hubo respuesta a tiempo.' },
  OUTCOME_UNKNOWN: {
    class: 'timeout',
    en: 'The change was handed in; whether it stands is not known yet.',
    es: 'El cambio se entregó; aún no se sabe si vale.',
    fix: { en: 'Ask again with the same key; do not repeat it with another.', es: 'Pregunte de nuevo con la misma clave; no lo repita con otra.' },
  },
  // internal
  INTERNAL: {
    class: 'internal',
    en: 'This node made a mistake; its operator can find it under the request’s id.',
    es: 'Este nodo cometió un error; quien lo opera puede hallarlo con el identificador de la petición.',
  },
})
