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

  // forbidden
  SPACE_NOT_PROVEN: {
    class: 'forbidden',
    en: 'The host that was asked does not know that this node was invited, or does not hold this space.',
    es: 'El anfitrión consultado no sabe que se invitó a este nodo, o no guarda este espacio.',
    fix: { en: 'Have a steward invite it: icnctl coop host add.', es: 'Que una administradora lo invite: icnctl coop host add.' },
  },
  PEER_NOT_TRUSTED: { class: 'forbidden', en: 'The other node does not let this one in.', es: 'El otro nodo no deja entrar a este.' },

  // conflict
  NETWORK_OFF: {
    class: 'conflict',
    en: 'This node was told to stay alone.',
    es: 'A este nodo se le dijo que se quedara solo.',
    fix: { en: 'Start it with --network.listen_addr=/ip4/0.0.0.0/tcp/7777.', es: 'Inícielo con --network.listen_addr=/ip4/0.0.0.0/tcp/7777.' },
  },
  NETWORK_MISMATCH: { class: 'conflict', en: 'That belongs to another network than this node.', es: 'Eso pertenece a otra red que este nodo.' },
  NODE_KEY_UNSUPPORTED: { class: 'conflict', en: 'The other node has a key of another kind than Ed25519.', es: 'El otro nodo tiene una clave que no es Ed25519.' },
  PEER_IS_SELF: { class: 'conflict', en: 'That is this node itself.', es: 'Ese es este mismo nodo.' },

  // gone
  TICKET_EXPIRED: { class: 'gone', en: 'The time of this ticket is over.', es: 'El plazo de este pase ha terminado.' },

  // busy, timeout
  NO_PATH: {
    class: 'busy',
    en: 'The other node cannot be reached.',
    es: 'No se puede alcanzar el otro nodo.',
    fix: { en: 'See whether it runs and whether its port is open.', es: 'Compruebe si funciona y si su puerto está abierto.' },
  },
  DIAL_TIMEOUT: { class: 'timeout', en: 'The other node did not answer in time.', es: 'El otro nodo no respondió a tiempo.' },
  HELLO_TIMEOUT: { class: 'timeout', en: 'The other node answered but did not greet.', es: 'El otro nodo respondió, pero no saludó.' },
})
