import { defineCodes } from './define.ts'

export const trustCodes = defineCodes({
  // input
  TRUST_SELF: { class: 'input', en: 'Nobody says how far they rely on themselves.', es: 'Nadie dice cuánto confía en sí mismo.' },
  TRUST_EXPIRY: {
    class: 'input',
    en: 'What you say of somebody holds for an hour at least and {limit} days at most.',
    es: 'Lo que usted dice de alguien vale al menos una hora y como mucho {limit} días.',
    fix: { en: 'Choose another end.', es: 'Elija otro final.' },
  },
  TRUST_PUBLIC: {
    class: 'input',
    en: 'Everybody can read that you rely on {subject} ({graph}, {weight} of 1000) until {until_at}.',
    es: 'Todo el mundo puede leer que usted confía en {subject} ({graph}, {weight} de 1000) hasta {until_at}.',
  },

  // conflict
  TRUST_BASE_STALE: {
    class: 'conflict',
    en: 'You have said something else of {subject} in the meantime.',
    es: 'Entretanto usted ha dicho otra cosa de {subject}.',
    fix: { en: 'Look at the edge again.', es: 'Mire otra vez el enlace.' },
  },

  // rule
  TRUST_EDGES_FULL: {
    class: 'rule',
    en: 'You say something of {used} already; {limit} is the most.',
    es: 'Usted ya dice algo de {used}; el máximo es {limit}.',
    fix: { en: 'End an edge first.', es: 'Termine antes un enlace.' },
  },
  TRUST_RATE: {
    class: 'rule',
    en: 'You have changed {used} edges in this hour; {limit} is the most.',
    es: 'Usted ha cambiado {used} enlaces en esta hora; el máximo es {limit}.',
    fix: { en: 'Go on when the next hour begins.', es: 'Siga cuando empiece la próxima hora.' },
  },

  // already done
  TRUST_UNCHANGED: { class: 'already_done', en: 'You say just this already.', es: 'Usted ya dice exactamente esto.' },
  TRUST_EDGE_UNKNOWN: { class: 'already_done', en: 'You say nothing of {subject} there.', es: 'Usted no dice nada de {subject} ahí.' },
})
