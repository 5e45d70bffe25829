import { defineCodes } from './define.ts'

/** What goes wrong on the way to other nodes (network page §15). */
export const networkCodes = defineCodes({
  // input
  TICKET_INVALID: {
    class: 'input',
    en: 'This is no ticket for this node.',
    es: 'Esto no es un pase para este nodo.',
    fix: { en: 'Ask a steward for one: icnctl coop host ticket ID DID.', es: 'Pida uno a una administradora: icnctl coop host ticket ID DID.' },
  },
  ADDRESS_INVALID: { class: 'input', en: 'This is no address of a node.', es: 'Esto no es una dirección de un nodo.' },

  PASS_INVALID: { class: 'input', en: 'This is no pass of the node it is shown to.', es: 'Esto no es un pase del nodo al que se muestra.' },

  FRAME_INVALID: { class: 'input', en: 'The other node did not understand what this one said.', es: 'El otro nodo no entendió lo que dijo este.' },
  FRAME_TOO_LARGE: { class: 'input', en: 'A message between nodes is larger than it may be.', es: 'Un mensaje entre nodos es más grande de lo permitido.' },

  // forbidden
  PEER_BANNED: {
    class: 'forbidden',
    en: 'That node is shut out for a time.',
    es: 'Ese nodo está excluido por un tiempo.',
    fix: { en: 'Whoever shut it out can let it in again: icnctl network unban DID.', es: 'Quien lo excluyó puede admitirlo de nuevo: icnctl network unban DID.' },
  },
  PEER_BUSY: {
    class: 'busy',
    en: 'The other node hands its state to others at the moment.',
    es: 'El otro nodo está entregando su estado a otros en este momento.',
    fix: { en: 'It is asked again by itself.', es: 'Se le vuelve a preguntar solo.' },
  },
  HELLO_MISSING: { class: 'forbidden', en: 'The other node answers only who has greeted.', es: 'El otro nodo solo responde a quien ha saludado.' },
  SPACE_NOT_PROVEN: {
    class: 'forbidden',
    en: 'The host that was asked does not know that this node was invited, or does not hold this space.',
    es: 'El anfitrión consultado no sabe que se invitó a este nodo, o no guarda este espacio.',
    fix: { en: 'Have a steward invite it: icnctl coop host add.', es: 'Que una administradora lo invite: icnctl coop host add.' },
  },
  PEER_NOT_TRUSTED: { class: 'forbidden', en: 'The other node does not let this one in.', es: 'El otro nodo no deja entrar a este.' },

  // not found
  PEER_UNKNOWN: { class: 'not_found', en: 'This node knows nothing of that one.', es: 'Este nodo no sabe nada de ese.' },
  PASS_UNKNOWN: { class: 'not_found', en: 'There is no such pass.', es: 'No existe ese pase.' },

  // conflict
  NETWORK_OFF: {
    class: 'conflict',
    en: 'This node was told to stay alone.',
    es: 'A este nodo se le dijo que se quedara solo.',
    fix: { en: 'Start it with --network.listen_addr=/ip4/0.0.0.0/tcp/7777.', es: 'Inícielo con --network.listen_addr=/ip4/0.0.0.0/tcp/7777.' },
  },
  NETWORK_MISMATCH: { class: 'conflict', en: 'That belongs to another network than this node.', es: 'Eso pertenece a otra red que este nodo.' },
  RULES_MISMATCH: {
    class: 'conflict',
    en: 'Both nodes name one version of the rules and mean two things.',
    es: 'Ambos nodos nombran una misma versión de las reglas y entienden dos cosas.',
    fix: { en: 'Run the same release on both.', es: 'Ejecute la misma versión del programa en ambos.' },
  },
  VERSION_UNSUPPORTED: {
    class: 'conflict',
    en: 'The two nodes have no version of the rules in common.',
    es: 'Los dos nodos no tienen ninguna versión de las reglas en común.',
    fix: { en: 'Upgrade the older one.', es: 'Actualice el más antiguo.' },
  },
  NODE_KEY_UNSUPPORTED: { class: 'conflict', en: 'The other node has a key of another kind than Ed25519.', es: 'El otro nodo tiene una clave que no es Ed25519.' },
  PEER_IS_SELF: { class: 'conflict', en: 'That is this node itself.', es: 'Ese es este mismo nodo.' },

  // gone
  TICKET_EXPIRED: { class: 'gone', en: 'The time of this ticket is over.', es: 'El plazo de este pase ha terminado.' },

  PASS_EXPIRED: {
    class: 'gone',
    en: 'The time of this pass is over.',
    es: 'El plazo de esta autorización ha terminado.',
    fix: { en: 'Ask for a new one: icnctl network pass create, on the other node.', es: 'Pida otra: icnctl network pass create, en el otro nodo.' },
  },
  PASS_USED_UP: {
    class: 'gone',
    en: 'Others have come with this pass as often as it may be used.',
    es: 'Otros ya han entrado con esta autorización tantas veces como permite.',
    fix: { en: 'Ask for a new one: icnctl network pass create, on the other node.', es: 'Pida otra: icnctl network pass create, en el otro nodo.' },
  },

  // busy, timeout
  PEERS_FULL: {
    class: 'busy',
    en: 'There are as many links as there may be.',
    es: 'Hay tantos enlaces como se permiten.',
    fix: { en: 'Raise limits.peers_count, or disconnect somebody.', es: 'Suba limits.peers_count o desconecte a alguien.' },
  },
  GUESTS_FULL: {
    class: 'busy',
    en: 'There are as many guests as there may be.',
    es: 'Hay tantos invitados como se permiten.',
    fix: {
      en: 'Try again in ten minutes, name it in network.allow_peers, or use a pass.',
      es: 'Inténtelo en diez minutos, nómbrelo en network.allow_peers o use una autorización.',
    },
  },
  CREDIT_EXCEEDED: { class: 'busy', en: 'A node sent more than the other had room for.', es: 'Un nodo envió más de lo que el otro podía recibir.' },
  SLOW_PEER: { class: 'busy', en: 'The other node has taken nothing for a minute.', es: 'El otro nodo no ha recibido nada durante un minuto.' },
  NO_PATH: {
    class: 'busy',
    en: 'The other node cannot be reached.',
    es: 'No se puede alcanzar el otro nodo.',
    fix: { en: 'See whether it runs and whether its port is open.', es: 'Compruebe si funciona y si su puerto está abierto.' },
  },
  DIAL_TIMEOUT: { class: 'timeout', en: 'The other node did not answer in time.', es: 'El otro nodo no respondió a tiempo.' },
  HELLO_TIMEOUT: { class: 'timeout', en: 'The other node answered but did not greet.', es: 'El otro nodo respondió, pero no saludó.' },
})
