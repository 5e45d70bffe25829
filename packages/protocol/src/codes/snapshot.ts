import { defineCodes } from './define.ts'

export const snapshotCodes = defineCodes({
  // archives
  ARCHIVE_DAMAGED: {
    class: 'input',
    en: 'This is not a whole archive: it was damaged, cut short or put together from others (found at byte {at}).',
    es: 'No es un archivo de respaldo íntegro: está dañado, cortado o compuesto de otros (detectado en el byte {at}).',
    fix: {
      en: 'Take another copy or an older archive. `sha256sum -c` with the .sha256 file beside it tells whether a copy is as it was made.',
      es: 'Use otra copia o un archivo anterior. `sha256sum -c` con el archivo .sha256 que lo acompaña indica si una copia está como se hizo.',
    },
  },
  ARCHIVE_NOT_FOR_US: {
    class: 'forbidden',
    en: 'The archive is encrypted, and nothing that was given opens it. It is for: {recipients}.',
    es: 'El archivo está cifrado y nada de lo que se dio lo abre. Es para: {recipients}.',
    fix: {
      en: 'Give the key file of somebody it is for or the passphrase it was made with, or ask one of them to restore it.',
      es: 'Indique el archivo de clave de alguien para quien es o la frase de paso con que se hizo, o pida a esa persona que lo restaure.',
    },
  },
  ARCHIVE_TOO_NEW: {
    class: 'conflict',
    en: 'The archive needs another release than this one: its {what} is {found}, and this release knows {known}.',
    es: 'El archivo necesita otra versión del programa: su {what} es {found}, y esta versión conoce {known}.',
    fix: {
      en: 'Install a release at least as new as the one that made it, then try again; the archive is left as it is.',
      es: 'Instale una versión al menos tan nueva como la que lo hizo y vuelva a intentarlo; el archivo queda como está.',
    },
  },
  ARCHIVE_NO_ROOM: {
    class: 'full',
    en: 'There is no room for the archive in {folder}. Nothing was left there.',
    es: 'No hay espacio para el archivo en {folder}. Allí no quedó nada.',
    fix: {
      en: 'Free space on that disk, or set `snapshot.archive_dir` to another one.',
      es: 'Libere espacio en ese disco o ponga otro en `snapshot.archive_dir`.',
    },
  },
  // records
  SNAPSHOT_UNKNOWN: {
    class: 'not_found',
    en: 'Nothing is known here of this snapshot.',
    es: 'Aquí no se sabe nada de esta instantánea.',
    fix: {
      en: 'List with `icnctl snapshot list` those that are remembered: the last 1000 of each space.',
      es: 'Vea con `icnctl snapshot list` las que se recuerdan: las últimas 1000 de cada espacio.',
    },
  },
  SNAPSHOT_INCOMPLETE: {
    class: 'conflict',
    en: 'This snapshot has made nothing final, so there is nothing to check.',
    es: 'Esta instantánea no dejó nada definitivo, así que no hay nada que comprobar.',
    fix: { en: 'Choose one whose state is complete.', es: 'Elija una cuyo estado sea complete.' },
  },
  // backups of a whole node
  BACKUP_RECIPIENTS: {
    class: 'input',
    en: 'A backup holds everything that members have entrusted to this node, so it says for whom it is: {reason}.',
    es: 'Una copia contiene todo lo que los miembros confiaron a este nodo, así que indica para quién es: {reason}.',
    fix: {
      en: 'Name DIDs with --encrypt-to, give a --passphrase-file, or set `backup.recipients_file` to a file with one DID a line.',
      es: 'Indique DID con --encrypt-to, un --passphrase-file, o ponga en `backup.recipients_file` un archivo con un DID por línea.',
    },
  },
  BACKUP_FILE: {
    class: 'input',
    en: 'The backup cannot be written to {file}: {reason}.',
    es: 'La copia no se puede escribir en {file}: {reason}.',
    fix: { en: 'Name a new file in a folder that the node may write.', es: 'Indique un archivo nuevo en una carpeta donde el nodo pueda escribir.' },
  },
  BACKUP_UNKNOWN: {
    class: 'not_found',
    en: 'There is no backup to try: {file}.',
    es: 'No hay ninguna copia que probar: {file}.',
    fix: { en: 'Make one with `icnctl backup`, or set `backup.dir`.', es: 'Haga una con `icnctl backup` o configure `backup.dir`.' },
  },
  BACKUP_OTHER_NODE: {
    class: 'conflict',
    en: 'The backup is of another node: of {node}, and this is {here}.',
    es: 'La copia es de otro nodo: de {node}, y este es {here}.',
    fix: {
      en: 'Put that node’s identity.key into this data folder first, or take a backup of this node.',
      es: 'Ponga antes el identity.key de ese nodo en esta carpeta de datos, o use una copia de este nodo.',
    },
  },
  BACKUP_RUNNING: {
    class: 'conflict',
    en: 'A backup is being made or tried already.',
    es: 'Ya se está haciendo o probando una copia.',
    fix: { en: 'Wait for it: `icnctl job list`.', es: 'Espérela: `icnctl job list`.' },
  },
  NODE_RUNNING: {
    class: 'conflict',
    en: 'The node runs (process {pid}), and this is done while it stands still.',
    es: 'El nodo está en marcha (proceso {pid}), y esto se hace con él parado.',
    fix: { en: 'Stop icnd, then try again.', es: 'Detenga icnd e inténtelo de nuevo.' },
  },
  STORE_UNREADABLE: {
    class: 'internal',
    en: 'The store of this node cannot be read: {reason}.',
    es: 'No se puede leer el almacén de este nodo: {reason}.',
    fix: {
      en: 'Put a backup in its place with `icnctl restore FILE`, or move it away and let the other hosts send what they hold.',
      es: 'Ponga una copia en su lugar con `icnctl restore FILE`, o apártelo y deje que los demás anfitriones envíen lo que guardan.',
    },
  },
  RESTORE_DIFFERS: {
    class: 'conflict',
    en: 'What is in it, worked out again, is not what it says it is ({what}, in {space}).',
    es: 'Lo que contiene, calculado de nuevo, no es lo que dice ser ({what}, en {space}).',
    fix: {
      en: 'Nothing was changed. Take another backup; if none is good, the other hosts still have what is theirs. Please report it with `icnctl doctor`.',
      es: 'No se cambió nada. Use otra copia; si ninguna es buena, los demás anfitriones conservan lo suyo. Avise con `icnctl doctor`.',
    },
  },
  RESTORE_PARTIAL: {
    class: 'conflict',
    en: 'The file is whole, but not every operation is in it, so not everything could be worked out again.',
    es: 'El archivo está íntegro, pero no contiene todas las operaciones, así que no todo se pudo calcular de nuevo.',
  },
  ARCHIVE_UNKNOWN: {
    class: 'not_found',
    en: 'There is no such archive: {file}.',
    es: 'No existe ese archivo: {file}.',
    fix: { en: 'List them with `icnctl snapshot archives`, or give an absolute path.', es: 'Véalos con `icnctl snapshot archives` o indique una ruta absoluta.' },
  },
  ARCHIVE_FILE: {
    class: 'input',
    en: 'The archive cannot be written to {file}: {reason}.',
    es: 'El archivo no se puede escribir en {file}: {reason}.',
    fix: { en: 'Name a new file in a folder that the node may write.', es: 'Indique un archivo nuevo en una carpeta donde el nodo pueda escribir.' },
  },
  ARCHIVE_RUNNING: {
    class: 'conflict',
    en: 'An archive is being made, tried or put back already.',
    es: 'Ya se está haciendo, probando o restaurando un archivo.',
    fix: { en: 'Wait for it: `icnctl job list`.', es: 'Espérelo: `icnctl job list`.' },
  },
  SNAPSHOT_TOO_LARGE: {
    class: 'rule',
    en: 'The state has {found} bytes, more than the {limit} that this node archives and serves.',
    es: 'El estado tiene {found} bytes, más de los {limit} que este nodo archiva y sirve.',
    fix: { en: 'Raise `snapshot.max_snapshot_size`.', es: 'Aumente `snapshot.max_snapshot_size`.' },
  },
  SNAPSHOT_PINNED: {
    class: 'conflict',
    en: '{file} is pinned.',
    es: '{file} está fijado.',
    fix: { en: 'Let it go first: `icnctl snapshot pin {file} --pinned false`.', es: 'Suéltelo antes: `icnctl snapshot pin {file} --pinned false`.' },
  },
  SNAPSHOT_LAST_PROVEN: {
    class: 'conflict',
    en: '{file} is the last one of its space whose restore was proven.',
    es: '{file} es el último de su espacio cuya restauración se comprobó.',
    fix: { en: 'Try a newer one first: `icnctl snapshot drill`.', es: 'Pruebe antes uno más nuevo: `icnctl snapshot drill`.' },
  },
  // states
  BOOTSTRAP_FAILED: {
    class: 'internal',
    en: 'The state of {space} could not be taken from other hosts: {reason}. Nothing has changed here.',
    es: 'No se pudo tomar el estado de {space} de otros anfitriones: {reason}. Aquí no ha cambiado nada.',
    fix: {
      en: 'Try again with the same ticket; `icnctl network status` shows who can be reached.',
      es: 'Inténtelo de nuevo con el mismo billete; `icnctl network status` muestra a quién se alcanza.',
    },
  },
  NOTHING_FINAL: {
    class: 'conflict',
    en: 'Nothing of {space} is final yet, so there is no state to give away.',
    es: 'En {space} aún no hay nada definitivo, así que no hay estado que entregar.',
    fix: {
      en: 'Wait until enough hosts have agreed on a cut, or ask for one with `icnctl space checkpoint`.',
      es: 'Espere a que suficientes anfitriones acuerden un corte, o pídalo con `icnctl space checkpoint`.',
    },
  },
  HISTORY_NOT_HERE: {
    class: 'gone',
    en: 'That counts, but it stands before this node began from a state of {space}, and is not here.',
    es: 'Eso cuenta, pero es anterior al estado de {space} con que empezó este nodo, y no está aquí.',
    fix: { en: 'Ask another host of the space.', es: 'Pregunte a otro anfitrión del espacio.' },
  },
  STATE_DIFFERS: {
    class: 'internal',
    en: 'The state that is stored of {space} is not the one that its hosts have signed.',
    es: 'El estado guardado de {space} no es el que firmaron sus anfitriones.',
    fix: {
      en: 'Run `icnctl doctor`: the store may be damaged. Restore the space from an archive.',
      es: 'Ejecute `icnctl doctor`: quizá el almacén esté dañado. Restaure el espacio desde un archivo.',
    },
  },
  STATE_UNPROVEN: {
    class: 'conflict',
    en: 'This state cannot be believed ({reason}). Nothing was changed.',
    es: 'Este estado no se puede creer ({reason}). No se cambió nada.',
    fix: { en: 'Take it from another host or another archive.', es: 'Tómelo de otro anfitrión o de otro archivo.' },
  },
  SPACE_PRESENT: {
    class: 'conflict',
    en: '{space} is held here already.',
    es: '{space} ya se guarda aquí.',
    fix: {
      en: 'To put the archived state in its place, confirm it with `--replace --confirm-space {space}`; what is here is kept aside for 30 days.',
      es: 'Para poner en su lugar el estado archivado, confírmelo con `--replace --confirm-space {space}`; lo que hay aquí se aparta durante 30 días.',
    },
  },
  // agreement
  SNAPSHOT_INSUFFICIENT_PARTICIPANTS: {
    class: 'rule',
    en: 'Insufficient participants: {found} < {needed}.',
    es: 'Participantes insuficientes: {found} < {needed}.',
    fix: {
      en: 'Look with `icnctl network paths` which hosts are out of reach, and try again when they are back. Work goes on meanwhile.',
      es: 'Vea con `icnctl network paths` qué anfitriones no se alcanzan e inténtelo cuando hayan vuelto. Mientras tanto se puede seguir trabajando.',
    },
  },
  SNAPSHOT_NO_QUORUM: {
    class: 'busy',
    en: 'Fewer than half of the hosts have answered, so nothing became final.',
    es: 'Respondió menos de la mitad de los anfitriones, así que nada quedó definitivo.',
    fix: {
      en: 'Work goes on. Try again when more of them are connected; whoever is gone for good can be removed as a host by the stewards.',
      es: 'Se puede seguir trabajando. Inténtelo cuando haya más conectados; a quien se fue del todo lo pueden quitar como anfitrión los responsables.',
    },
  },
  SNAPSHOT_RUNNING: {
    class: 'conflict',
    en: 'A snapshot of this space is being made already.',
    es: 'Ya se está haciendo una instantánea de este espacio.',
    fix: { en: 'Wait for it; it takes a few seconds, at most five minutes.', es: 'Espérela; tarda unos segundos, como mucho cinco minutos.' },
  },
  SNAPSHOT_SUPERSEDED: {
    class: 'conflict',
    en: 'Another host has begun a snapshot of this space, and this one gave way.',
    es: 'Otro anfitrión empezó una instantánea de este espacio y esta cedió.',
    fix: {
      en: 'Look in a moment whether the other one has made final what you meant; if not, try again.',
      es: 'Mire en un momento si la otra dejó definitivo lo que quería; si no, inténtelo de nuevo.',
    },
  },
  SNAPSHOT_TIMED_OUT: {
    class: 'timeout',
    en: 'The hosts did not agree in time, so nothing became final.',
    es: 'Los anfitriones no se pusieron de acuerdo a tiempo, así que nada quedó definitivo.',
    fix: {
      en: 'Look with `icnctl network paths` whether they reach each other, and try again.',
      es: 'Vea con `icnctl network paths` si se alcanzan entre sí e inténtelo de nuevo.',
    },
  },
  SPACE_UNMENDABLE: {
    class: 'conflict',
    en: 'The rows of this space cannot be made anew here ({reason}).',
    es: 'Las filas de este espacio no se pueden rehacer aquí ({reason}).',
    fix: {
      en: 'Restore the space from an archive, or take this node out of it as a host and in again.',
      es: 'Restaure el espacio de un archivo, o quite este nodo como anfitrión y vuelva a añadirlo.',
    },
  },
  SPACE_DIVERGED: {
    class: 'conflict',
    en: 'The hosts hold the same operations and have found different states.',
    es: 'Los anfitriones tienen las mismas operaciones y encontraron estados distintos.',
    fix: {
      en: 'One of them has a damaged store or another release. Run `icnctl doctor` on each of them and compare the releases.',
      es: 'Uno de ellos tiene el almacén dañado u otra versión. Ejecute `icnctl doctor` en cada uno y compare las versiones.',
    },
  },
})
