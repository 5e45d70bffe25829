/** Sentences about the network that everybody shares, in Spanish, by the sentence. */
export const commonsRowsEs: Readonly<Record<string, string>> = {
  'Show which network this is, who keeps it, and how fresh this node’s knowledge of it is.':
    'Muestra qué red es esta, quién la guarda y cuán reciente es lo que este nodo sabe de ella.',
  'Show what this node knows of its network, and what you are in it.': 'Muestra lo que este nodo sabe de su red y qué es usted en ella.',
  'List the nodes whose majority makes the network final.': 'Muestra los nodos cuya mayoría hace definitiva la red.',
  'List what waits for further keepers; whether this node may confirm it stands beside.':
    'Muestra lo que espera a otros guardianes; al lado figura si este nodo puede confirmarlo.',
  'Name a further keeper, as the operator of one; with others it waits until a majority has said so.':
    'Nombra otro guardián, como operador de uno; si hay más, espera hasta que lo diga una mayoría.',
  'End a keeper’s part, as the operator of another; a majority without that one has to say so.':
    'Termina el papel de un guardián, como operador de otro; ha de decirlo una mayoría sin contar a ese.',
  'Stop, as this node’s operator, being a keeper.': 'Deja de ser guardián, como operador de este nodo.',
  'Confirm, as this node’s operator, what another keeper has proposed.': 'Confirma, como operador de este nodo, lo que otro guardián propuso.',
  'Take back, as the operator of a keeper, what waits for further keepers.': 'Retira, como operador de un guardián, lo que espera a otros guardianes.',
  'Sign, as a further controller, what another one is going to change in the entry.': 'Firma, como otro controlador, lo que otro va a cambiar en la inscripción.',
  'Also those that are keepers no more.': 'También los que ya no son guardianes.',
  'Multiaddrs at which it may be asked.': 'Direcciones (multiaddr) en las que se le puede preguntar.',
}
