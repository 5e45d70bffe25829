/** Sentences about copies of the whole node, in Spanish, by the sentence. */
export const keepingRowsEs: Readonly<Record<string, string>> = {
  'Make a backup of the whole node, encrypted, while it works.': 'Hace una copia cifrada de todo el nodo mientras trabaja.',
  'Where it goes, on the node’s machine; without one, a new file in backup.dir.': 'Adónde va, en la máquina del nodo; sin él, un archivo nuevo en backup.dir.',
  'DIDs whose keys open it; without any, those of backup.recipients_file.': 'DID cuyas claves la abren; sin ninguno, los de backup.recipients_file.',
  'File on the node’s machine with a passphrase that opens it, mode 0600.': 'Archivo en la máquina del nodo con una frase de paso que la abre, modo 0600.',
  'Say members-data-readable-by-anyone-with-this-file to leave it open.': 'Diga members-data-readable-by-anyone-with-this-file para dejarla abierta.',
  'Try the restore of a backup in a scratch folder; nothing that is here is touched.': 'Prueba la restauración de una copia en una carpeta aparte; no se toca nada de lo que hay.',
  'Which one; without one, the newest in backup.dir.': 'Cuál; sin él, la más reciente de backup.dir.',
  'List the backups in backup.dir, and which of them were tried.': 'Muestra las copias de backup.dir y cuáles se probaron.',
  'A DID whose key opens it.': 'Un DID cuya clave la abre.',
  'A file with a passphrase that opens it, mode 0600.': 'Un archivo con una frase de paso que la abre, modo 0600.',
  'Put a backup in the place of the node’s data, proven before; the node stands still, and the old data is kept.':
    'Pone una copia, probada antes, en el lugar de los datos del nodo; el nodo está parado y los datos anteriores se conservan.',
  'The sealed key file of somebody the backup is for.': 'El archivo de clave sellado de alguien para quien es la copia.',
  'Also where the backup is of another node, whose key is lost.': 'También si la copia es de otro nodo cuya clave se perdió.',
  'Derive the node’s data again from its journal alone; the node stands still, and the old data is kept.':
    'Vuelve a calcular los datos del nodo solo a partir de su diario; el nodo está parado y los datos anteriores se conservan.',
}
