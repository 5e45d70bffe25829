import type { AboutView, DoctorFinding, Language, OptionView, StatusView } from '@icn/protocol'
import { timeText } from '@icn/protocol'
import type { z } from 'zod'
import type { Handlers } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { languageOf } from '../calls/render.ts'

/** What the daemon around the journal tells of itself. */
export interface NodePorts {
  now(): number
  about(): AboutView
  status(language: Language): StatusView | Promise<StatusView>
  options(): readonly z.output<typeof OptionView>[]
  doctor(): Promise<readonly DoctorFinding[]>
}

type NodeMethods = 'node.about' | 'node.status' | 'node.config' | 'node.doctor'

export function nodeHandlers(ports: NodePorts): Handlers<NodeMethods> {
  return defineHandlers<NodeMethods>({
    'node.about': () => ({ value: ports.about() }),
    'node.status': async (call) => ({ value: await ports.status(languageOf(call.caller.lang)) }),
    'node.config': (call) => {
      const all = ports.options()
      const from = call.page.after === null ? 0 : all.findIndex(({ name }) => name === call.page.after) + 1
      const items = all.slice(from, from + call.page.limit)
      return { items, next: from + items.length < all.length ? (items.at(-1)?.name ?? null) : null }
    },
    'node.doctor': async () => {
      const findings = [...(await ports.doctor())]
      const count = (state: DoctorFinding['state']): number => findings.filter((finding) => finding.state === state).length
      return { value: { findings, failed: count('fail'), warned: count('warn'), as_of: timeText(ports.now()) } }
    },
  })
}
