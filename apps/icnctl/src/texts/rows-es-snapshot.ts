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
}
