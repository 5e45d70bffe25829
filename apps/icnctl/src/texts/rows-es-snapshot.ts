/** Sentences about snapshots in Spanish. */
export const snapshotRowsEs: Readonly<Record<string, string>> = {
  'Make what stands in a space final now, together with its other hosts; waits until they agree.':
    'Deja definitivo ahora lo que hay en un espacio, junto con sus demás anfitriones; espera a que se pongan de acuerdo.',
  'Hosts that are to take part; left out: all that can be reached.': 'Anfitriones que deben participar; si falta: todos los que se alcanzan.',
  'How far the cut lies in the past; 0: now, and whoever is away may come too late with what they do there.':
    'Cuánto queda el corte en el pasado; 0: ahora, y lo que haga quien está ausente puede llegar tarde.',
  'List snapshots that this node made or took part in, running ones too; members see those of their cooperatives.':
    'Muestra las instantáneas que este nodo hizo o en que participó, también las que están en curso; cada miembro ve las de sus cooperativas.',
  'Only those that stand so.': 'Solo las que están así.',
  'Show a snapshot: how many hosts confirmed it, who is missing, what took how long.':
    'Muestra una instantánea: cuántos anfitriones la confirmaron, quién falta, qué tardó cuánto.',
  'Id of the snapshot.': 'Id de la instantánea.',
  'Check a complete snapshot again, here and at the other hosts.': 'Vuelve a comprobar una instantánea completa, aquí y en los demás anfitriones.',
  'record: the signatures and what they add up to. state: the root, computed again from the rows.':
    'record: las firmas y lo que suman. state: la raíz, calculada otra vez a partir de las filas.',
  'Ask every host of the space, too.': 'Pregunta también a cada anfitrión del espacio.',
  'Show when this node makes things final in a space by itself.': 'Muestra cuándo este nodo deja cosas definitivas en un espacio por sí mismo.',
  'Set when this node makes things final in a space by itself, or pause it.': 'Fija cuándo este nodo deja cosas definitivas en un espacio por sí mismo, o lo pone en pausa.',
  'How often; left out: as the option says.': 'Cada cuánto; si falta: como dice la opción.',
  'Nothing is made final by itself before; left out: no pause.': 'Antes de entonces nada queda definitivo por sí mismo; si falta: sin pausa.',
  'Put the state of a space at its last cut into a file, encrypted.': 'Pone el estado de un espacio en su último corte en un archivo cifrado.',
  'Where it goes, on the node’s machine; left out: a file in snapshot.archive_dir.': 'Dónde va, en la máquina del nodo; si falta: un archivo en snapshot.archive_dir.',
  'DIDs whose keys open it; left out: those of snapshot.archive_recipients_file.': 'DID cuyas claves lo abren; si falta: los de snapshot.archive_recipients_file.',
  'all: everything that was said as well, so that it can be worked out again.': 'all: también todo lo que se dijo, para que se pueda calcular de nuevo.',
  'List the archives in snapshot.archive_dir, and which of them were tried.': 'Muestra los archivos de snapshot.archive_dir y cuáles se probaron.',
  'Put a space back as an archive has it; a dry run says what would be lost.': 'Restaura un espacio como lo tiene un archivo; una prueba dice qué se perdería.',
  'Name of an archive in snapshot.archive_dir, or an absolute path on the node’s machine.':
    'Nombre de un archivo en snapshot.archive_dir, o una ruta absoluta en la máquina del nodo.',
  'Name of an archive in snapshot.archive_dir.': 'Nombre de un archivo en snapshot.archive_dir.',
  'Also where the space is here already; what is here is kept aside for 30 days.': 'También si el espacio ya está aquí; lo que hay se aparta durante 30 días.',
  'The space that is replaced, so that it is no slip.': 'El espacio que se reemplaza, para que no sea un descuido.',
  'File on the node’s machine with the passphrase of the archive.': 'Fichero en la máquina del nodo con la frase de paso del archivo.',
  'Try the restore of an archive, the newest when none is named, in a scratch folder; nothing that is here is touched.':
    'Prueba la restauración de un archivo, el más nuevo si no se nombra ninguno, en una carpeta aparte; no se toca nada de lo que hay.',
  'Delete archives that are too many now; never the newest of a space, the last proven one or a pinned one.':
    'Borra los archivos que ahora sobran; nunca el más nuevo de un espacio, el último comprobado ni uno fijado.',
  'How many of each space; left out: as the options say.': 'Cuántos de cada espacio; si falta: como dicen las opciones.',
  'Delete one archive.': 'Borra un archivo.',
  'Keep an archive for good.': 'Guarda un archivo para siempre.',
  'false: it may be deleted again.': 'false: se puede volver a borrar.',
}
