import type { MethodName } from '@icn/protocol'

/** The one most likely next command after a write; undefined where nothing suggests itself. */
export function nextCommand(method: MethodName, input: Readonly<Record<string, unknown>>, value: unknown): string | undefined {
  const resource = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  const coop = String(resource['coop_id'] ?? input['coop_id'] ?? '')
  const act = resource['act'] as { readonly space?: string; readonly act_id?: string } | null | undefined
  if (act === null) return undefined
  if (act !== undefined && method.startsWith('commons.keeper.')) return 'icnctl keeper changes'
  if (act !== undefined) return `icnctl act list --space ${act.space}`
  switch (method) {
    case 'coop.create':
      return `icnctl coop sign ${coop}`
    case 'coop.sign_charter': {
      const { signatures, need } = resource as { signatures?: readonly unknown[]; need?: number }
      return (signatures?.length ?? 0) >= (need ?? Number.POSITIVE_INFINITY) ? `icnctl coop activate ${coop}` : `icnctl coop founding ${coop}`
    }
    case 'coop.charter.put':
      return `icnctl coop sign ${coop}`
    case 'coop.activate':
      return `icnctl coop invite create ${coop}`
    case 'coop.add_member':
      return `icnctl coop accept ${coop}`
    case 'coop.apply':
      return `icnctl coop member ${coop} me`
    case 'coop.join':
    case 'coop.accept_membership':
      return `icnctl coop get ${coop}`
    case 'coop.host.add':
      return `icnctl coop host accept ${coop}`
    case 'coop.approve_member':
    case 'coop.remove_member':
    case 'coop.suspend_member':
      return `icnctl coop list-members ${coop}`
    case 'device.add':
    case 'device.approve':
    case 'device.revoke':
      return 'icnctl device list'
    case 'identity.grant':
    case 'identity.revoke':
      return `icnctl grant list --space ${String(input['space'])}`
    case 'commons.keeper.add':
    case 'commons.keeper.confirm':
    case 'commons.keeper.remove':
    case 'commons.keeper.withdraw':
    case 'commons.keeper.leave':
      return 'icnctl keeper list'
    case 'act.confirm':
    case 'act.withdraw':
      return `icnctl act list --space ${String(input['space'])}`
    default:
      return undefined
  }
}
