import type { MethodName } from '@icn/protocol'

/** Which fields a list shows to people, in this order; a path with dots reaches inside. Everything else is in --json. */
export const columns: Readonly<Partial<Record<MethodName, readonly string[]>>> = {
  'auth.sessions.list': ['sid', 'label', 'signer', 'created_at', 'used_at', 'expires_at', 'this_session'],
  'me.changes': ['at', 'space', 'kind', 'by', 'changes', 'reason'],
  'me.needs': ['space', 'text', 'due_at'],
  'identity.grants.list': ['grant_id', 'label', 'grantee', 'grantee_kind', 'scopes', 'state', 'not_after_at'],
  'device.list': ['label', 'did', 'state', 'spaces', 'missing_in', 'used_at', 'this_device'],
  'act.list': ['act_id', 'kind', 'subject', 'proposer', 'confirmed', 'need', 'state', 'expires_at'],
  'coop.list': ['coop_id', 'name', 'type', 'status', 'members_count', 'my.standing'],
  'coop.review.list': ['operation_id', 'kind', 'by', 'ref', 'state', 'at'],
  'coop.conflict.list': ['operation_id', 'field', 'winner.value', 'loser.value', 'state', 'at'],
  'charter.templates': ['id', 'name', 'says', 'types'],
  'coop.list_members': ['number', 'name', 'did', 'status', 'roles', 'class', 'since_at'],
  'coop.member_log': ['at', 'kind', 'by', 'changes', 'reason'],
  'coop.entry.list': ['number', 'name', 'joined_at', 'roles', 'class', 'shares', 'did'],
  'coop.invite.list': ['invite_id', 'name', 'by', 'roles', 'uses', 'used', 'state', 'expires_at'],
  'coop.host.list': ['label', 'did', 'status', 'added_by', 'accepted_at', 'this_node'],
  'commons.keeper.list': ['label', 'did', 'since_at', 'ended_at', 'this_node'],
  'commons.keeper.changes': ['act_id', 'kind', 'subject', 'proposer', 'confirmed', 'need', 'you_may_confirm', 'expires_at'],
  'trust.edge.list': ['issuer', 'graph', 'subject', 'weight', 'labels', 'expires_at', 'expired'],
  'trust.pin.list': ['did', 'permille', 'note', 'set_at'],
  'network.peer.list': ['did', 'class', 'state', 'path', 'rtt_ms', 'spaces', 'lag', 'standing', 'ban.until_at', 'ban.reason'],
  'network.pass.list': ['pass_id', 'label', 'uses', 'used_by', 'expires_at'],
  'network.evidence.list': ['at', 'kind', 'did', 'points', 'space', 'proof'],
  'snapshot.list': ['snapshot_id', 'space', 'state', 'says', 'cut', 'started_at'],
  'space.list': ['space', 'name', 'head.at', 'unfinal', 'sync', 'read_only', 'finality.says'],
  'operation.list': ['id', 'kind', 'author', 'subject', 'status', 'final', 'made_at', 'codes'],
  'decision.list': ['id', 'kind', 'space', 'summary', 'decided_at'],
  'quarantine.list': ['operation_id', 'kind', 'author', 'status', 'codes', 'state', 'made_at'],
  'job.list': ['id', 'title', 'state', 'progress', 'started_at'],
  'node.config': ['name', 'value', 'source', 'unit'],
}

/** Further columns, for whoever has a wide screen. */
export const wideColumns: Readonly<Partial<Record<MethodName, readonly string[]>>> = {
  'network.peer.list': ['address', 'points', 'ban.by'],
}

/** What would fill an empty list: a sentence for people, English and Spanish. */
export const emptyLists: Readonly<Partial<Record<MethodName, readonly [en: string, es: string]>>> = {
  'act.list': ['Nothing waits for a second person.', 'Nada espera a una segunda persona.'],
  'auth.sessions.list': ['You are signed in nowhere: icnctl auth login', 'No tiene sesiones abiertas: icnctl auth login'],
  'coop.conflict.list': ['No two people changed the same setting.', 'Nadie cambió el mismo ajuste a la vez.'],
  'coop.entry.list': ['No imported lines: icnctl coop import ID FILE', 'No hay líneas importadas: icnctl coop import ID ARCHIVO'],
  'commons.coop.list': [
    'No cooperative is entered in the directory yet: icnctl directory register ID',
    'Ninguna cooperativa está inscrita en el directorio: icnctl directory register ID',
  ],
  'coop.host.list': ['No node hosts it: icnctl coop host add ID DID', 'Ningún nodo la aloja: icnctl coop host add ID DID'],
  'coop.invite.list': ['No invitations: icnctl coop invite create ID', 'No hay invitaciones: icnctl coop invite create ID'],
  'coop.list': ['No cooperatives yet. Found one: icnctl coop create NAME TYPE', 'Aún no hay cooperativas. Funde una: icnctl coop create NOMBRE TIPO'],
  'coop.review.list': ['Nothing needs a second look.', 'Nada requiere otra mirada.'],
  'decision.list': ['Nothing of yours was refused here.', 'Aquí no se rechazó nada suyo.'],
  'device.list': [
    'Only your own key so far. On the new device: icnctl id init --purpose device',
    'De momento solo su propia clave. En el dispositivo nuevo: icnctl id init --purpose device',
  ],
  'identity.grants.list': ['You gave no permissions here: icnctl grant create', 'Aquí no dio permisos: icnctl grant create'],
  'snapshot.list': ['Nothing was made final yet: icnctl snapshot create SPACE', 'Aún no se dejó nada definitivo: icnctl snapshot create ESPACIO'],
  'job.list': ['No long work in the last days.', 'Ninguna tarea larga en los últimos días.'],
  'me.needs': ['Nothing needs you.', 'Nada le espera.'],
  'commons.keeper.list': ['The network has no keepers.', 'La red no tiene guardianes.'],
  'commons.keeper.changes': ['Nothing waits for further keepers.', 'Nada espera a otros guardianes.'],
  'trust.edge.list': ['No edges. Say how far you rely on somebody: icnctl trust set DID WEIGHT', 'No hay enlaces. Diga cuánto confía en alguien: icnctl trust set DID PESO'],
  'trust.pin.list': ['No numbers of this node’s own: icnctl trust pin DID N', 'No hay números propios de este nodo: icnctl trust pin DID N'],
  'network.peer.list': ['No such node.', 'Ningún nodo así.'],
  'network.pass.list': ['No passes: icnctl network pass create', 'No hay pases: icnctl network pass create'],
  'network.evidence.list': ['Nobody was seen to break the protocol.', 'No se vio a nadie incumplir el protocolo.'],
  'quarantine.list': ['Nothing waits for a person.', 'Nada espera a una persona.'],
}
