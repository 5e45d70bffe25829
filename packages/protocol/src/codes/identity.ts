import { defineCodes } from './define.ts'

export const identityCodes = defineCodes({
  // input
  DID_INVALID: {
    class: 'input',
    en: 'This is not a DID of the form did:icn:z6Mk… ({reason}).',
    es: 'Esto no es un DID de la forma did:icn:z6Mk… ({reason}).',
    fix: { en: 'Copy the whole DID again, or scan its code.', es: 'Copie de nuevo el DID entero o lea su código.' },
  },
  SCOPE_INVALID: {
    class: 'input',
    en: '“{scope}” is not a scope: a kind such as coop.member.admit, or a beginning ending in .*, each named once.',
    es: '«{scope}» no es un ámbito: un tipo como coop.member.admit o un comienzo que acabe en .*, cada uno una sola vez.',
  },
  ACT_BODY_INVALID: { class: 'input', en: 'What is proposed does not fit {kind}: {detail}.', es: 'Lo propuesto no sirve para {kind}: {detail}.' },
  KEY_FILE_INVALID: {
    class: 'input',
    en: 'The key file cannot be used: {detail}.',
    es: 'El archivo de clave no se puede usar: {detail}.',
    fix: { en: 'Restore the file from a copy, or make the key again from its paper key.', es: 'Recupere el archivo de una copia o rehaga la clave a partir de su clave en papel.' },
  },
  PAPER_KEY_INVALID: {
    class: 'input',
    en: 'This is not a paper key: {detail}.',
    es: 'Esto no es una clave en papel: {detail}.',
    fix: { en: 'Compare it with the paper, group by group.', es: 'Compárela con el papel, grupo por grupo.' },
  },
  PASSPHRASE_UNUSABLE: { class: 'input', en: 'A passphrase has 8 to 1024 bytes.', es: 'Una frase de paso tiene de 8 a 1024 bytes.' },

  // forbidden
  NO_STANDING: { class: 'forbidden', en: 'You have no part in this space.', es: 'Usted no forma parte de este espacio.' },
  NOT_YOUR_GRANT: { class: 'forbidden', en: 'This permission belongs to somebody else.', es: 'Este permiso es de otra persona.' },
  AUTHOR_FROZEN: {
    class: 'forbidden',
    en: 'This identity is frozen here and may sign nothing.',
    es: 'Esta identidad está congelada aquí y no puede firmar nada.',
    fix: { en: 'A frozen identity comes back by recovery.', es: 'Una identidad congelada vuelve mediante la recuperación.' },
  },
  KEY_RETIRED: {
    class: 'forbidden',
    en: 'This key was replaced by another one and no longer speaks for {did}.',
    es: 'Esta clave fue sustituida por otra y ya no habla por {did}.',
    fix: { en: 'Sign with the new key.', es: 'Firme con la clave nueva.' },
  },
  GRANT_NOT_APPLIED: {
    class: 'forbidden',
    en: 'The permission under which this was signed does not hold here.',
    es: 'El permiso con el que se firmó esto no vale aquí.',
    fix: { en: 'Give the permission again, then sign again.', es: 'Dé el permiso otra vez y firme de nuevo.' },
  },
  GRANT_REVOKED: {
    class: 'forbidden',
    en: 'The permission under which this was signed has been taken back.',
    es: 'El permiso con el que se firmó esto ha sido retirado.',
    fix: { en: 'Sign with another device.', es: 'Firme con otro dispositivo.' },
  },
  GRANT_NOT_YET: {
    class: 'forbidden',
    en: 'The permission under which this was signed begins at {not_before_at}.',
    es: 'El permiso con el que se firmó esto empieza el {not_before_at}.',
  },
  GRANT_EXPIRED: {
    class: 'forbidden',
    en: 'The permission under which this was signed ended at {not_after_at}.',
    es: 'El permiso con el que se firmó esto terminó el {not_after_at}.',
    fix: { en: 'Give the permission anew.', es: 'Dé el permiso de nuevo.' },
  },
  GRANT_SCOPE: {
    class: 'forbidden',
    en: 'The permission under which this was signed does not reach {kind}.',
    es: 'El permiso con el que se firmó esto no alcanza a {kind}.',
    fix: { en: 'Sign with your own key, or give a permission that covers it.', es: 'Firme con su propia clave o dé un permiso que lo abarque.' },
  },
  NOT_A_HOST: {
    class: 'forbidden',
    en: 'Only a node that serves this space may do this; {did} does not.',
    es: 'Solo puede hacerlo un nodo que sirve a este espacio; {did} no lo hace.',
  },
  ROOT_KEY_REQUIRED: {
    class: 'forbidden',
    en: 'Only the root key may sign this.',
    es: 'Solo la clave raíz puede firmar esto.',
    fix: { en: 'Sign it with the key file of the identity.', es: 'Fírmelo con el archivo de clave de la identidad.' },
  },
  DEVICE_KEY_REQUIRED: {
    class: 'forbidden',
    en: 'A node may not sign this for a person.',
    es: 'Un nodo no puede firmar esto por una persona.',
    fix: { en: 'Sign it with your own device.', es: 'Fírmelo con su propio dispositivo.' },
  },
  STATEMENT_KEY: { class: 'forbidden', en: 'The signature inside was not made by the key that speaks for {did}.', es: 'La firma incluida no es de la clave que habla por {did}.' },
  PASSPHRASE_WRONG: { class: 'forbidden', en: 'The passphrase does not open this key file.', es: 'La frase de paso no abre este archivo de clave.' },
  PASSPHRASE_REQUIRED: {
    class: 'forbidden',
    en: 'The key file is locked and no passphrase was given.',
    es: 'El archivo de clave está bloqueado y no se dio ninguna frase de paso.',
    fix: { en: 'Run {command}.', es: 'Ejecute {command}.' },
  },
  KEY_FILE_MISMATCH: { class: 'forbidden', en: 'The key file holds another key than it names.', es: 'El archivo de clave contiene otra clave que la que nombra.' },
  KEY_FILE_PERMISSIONS: {
    class: 'forbidden',
    en: 'Others may read or change the key file {file}.',
    es: 'Otras personas pueden leer o cambiar el archivo de clave {file}.',
    fix: { en: 'Run {command}.', es: 'Ejecute {command}.' },
  },

  // not found
  GRANT_UNKNOWN: { class: 'not_found', en: 'There is no such permission here.', es: 'Aquí no existe ese permiso.' },
  ACT_UNKNOWN: { class: 'not_found', en: 'There is no such proposal here.', es: 'Aquí no existe esa propuesta.' },
  KEY_FILE_MISSING: {
    class: 'not_found',
    en: 'There is no key file {file}.',
    es: 'No existe el archivo de clave {file}.',
    fix: { en: 'Run {command}.', es: 'Ejecute {command}.' },
  },

  // conflict
  KEY_TAKEN: {
    class: 'conflict',
    en: 'This key is in use for somebody else or another purpose here.',
    es: 'Esta clave ya se usa aquí para otra persona u otro fin.',
    fix: { en: 'Make a fresh key.', es: 'Cree una clave nueva.' },
  },
  KEY_EXISTS: {
    class: 'conflict',
    en: 'There is a key file {file} already; it is not written over.',
    es: 'Ya existe el archivo de clave {file}; no se sobrescribe.',
    fix: { en: 'Choose another name.', es: 'Elija otro nombre.' },
  },
  KEY_UNCHANGED: { class: 'conflict', en: 'This is the key that is in use already.', es: 'Esta es la clave que ya se usa.' },
  GRANT_KEY_TAKEN: {
    class: 'conflict',
    en: 'This key belongs to a person or is somebody else’s device.',
    es: 'Esta clave es de una persona o es el dispositivo de otra.',
    fix: { en: 'Make a fresh key on the device.', es: 'Cree una clave nueva en el dispositivo.' },
  },
  ACT_CLOSED: { class: 'conflict', en: 'This proposal is over: {state}.', es: 'Esta propuesta ya terminó: {state}.' },
  ACT_REPEATED: {
    class: 'conflict',
    en: 'The same is proposed already and waits for a second person.',
    es: 'Lo mismo ya está propuesto y espera a una segunda persona.',
    fix: { en: 'Confirm the proposal that is open.', es: 'Confirme la propuesta abierta.' },
  },

  // rule
  GRANTEE_IS_AUTHOR: { class: 'rule', en: 'Nobody gives a permission to oneself.', es: 'Nadie se da un permiso a sí mismo.' },
  GRANT_TIMES_INVALID: {
    class: 'rule',
    en: 'A permission ends after it begins, ahead, and lasts at least {limit} minutes.',
    es: 'Un permiso termina después de empezar, en el futuro, y dura al menos {limit} minutos.',
  },
  GRANT_TOO_LONG: {
    class: 'rule',
    en: 'A permission of this sort ends within {limit} minutes from now.',
    es: 'Un permiso de esta clase termina dentro de {limit} minutos desde ahora.',
  },
  GRANTS_TOO_MANY: {
    class: 'rule',
    en: '{used} permissions are live; {limit} is the most.',
    es: 'Hay {used} permisos vigentes; el máximo es {limit}.',
    fix: { en: 'Take one back first.', es: 'Retire antes uno.' },
  },
  SCOPE_ROOT_ONLY: { class: 'rule', en: 'No permission can cover {scope}.', es: 'Ningún permiso puede abarcar {scope}.' },
  SCOPE_WIDER_THAN_PARENT: {
    class: 'rule',
    en: 'A device may pass on only what it may do itself; {what} goes further.',
    es: 'Un dispositivo solo puede pasar lo que él mismo puede hacer; {what} va más allá.',
  },
  KEEP_AFTER_COMPROMISE: { class: 'rule', en: 'When a key was stolen, its permissions cannot be kept.', es: 'Si una clave fue robada, no se pueden conservar sus permisos.' },
  KEYS_EXHAUSTED: {
    class: 'rule',
    en: 'This identity has left {limit} keys behind and can take no other one.',
    es: 'Esta identidad ya dejó atrás {limit} claves y no puede tomar otra.',
    fix: { en: 'Begin a new identity.', es: 'Empiece una identidad nueva.' },
  },
  NO_TRUSTEES: {
    class: 'rule',
    en: 'Nobody here could bring a frozen identity back.',
    es: 'Aquí nadie podría recuperar una identidad congelada.',
    fix: { en: 'Freeze it for good, or name trustees first.', es: 'Congélela definitivamente o nombre antes personas de confianza.' },
  },
  ACT_NEEDS_VOTE: { class: 'rule', en: 'This is decided by a vote, not by a few.', es: 'Esto se decide por votación, no por unas pocas personas.' },
  ACT_SAME_PERSON: {
    class: 'rule',
    en: 'A proposal is confirmed by somebody who has not spoken for it yet and whom it is not about.',
    es: 'Una propuesta la confirma alguien que aún no la apoyó y a quien no se refiere.',
  },
  ACTS_TOO_MANY: {
    class: 'rule',
    en: '{used} proposals are open; {limit} is the most.',
    es: 'Hay {used} propuestas abiertas; el máximo es {limit}.',
    fix: { en: 'Withdraw one first.', es: 'Retire antes una.' },
  },

  // busy
  SESSIONS_TOO_MANY: {
    class: 'busy',
    en: '{limit} sessions are open for this identity.',
    es: 'Esta identidad tiene {limit} sesiones abiertas.',
    fix: { en: 'End one in the list of sessions.', es: 'Termine una en la lista de sesiones.' },
  },

  // already done
  ALREADY_REVOKED: { class: 'already_done', en: 'This permission has been taken back already.', es: 'Este permiso ya fue retirado.' },
  ALREADY_FROZEN: { class: 'already_done', en: 'This identity is frozen already.', es: 'Esta identidad ya está congelada.' },
  SWEEP_DONE: { class: 'already_done', en: 'Nothing of this is due.', es: 'Nada de esto está pendiente.' },
})
