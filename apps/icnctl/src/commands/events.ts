import { isEventSpace, type MeView, nodeSpace } from '@icn/protocol'
import type { EventItem } from '@icn/sdk'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { Interrupted } from '../problems.ts'
import { Printer } from '../show/printer.ts'
import { shortIdsIn } from '../show/text.ts'

const spaceOf = (text: string): string => (isEventSpace(text) ? text : `coop:${text}`)

/** All that is asked for is of the node itself: only its operator may see that, and need be nobody else. */
const isOfNode = (named: readonly string[], topics: readonly string[]): boolean =>
  named.length > 0 ? named.every((space) => space === nodeSpace) : topics.length > 0 && topics.every((topic) => topic === 'network:status')

/** Spaces that were named, the coop of this run, or all of the person's. */
async function spacesFor(context: Context, named: readonly string[]): Promise<readonly string[]> {
  if (named.length > 0) return named
  if (context.settings.coopId !== undefined) return [spaceOf(context.settings.coopId)]
  const { spaces } = await context.read<MeView>('me.get', {})
  return ['commons', ...spaces.map(({ space }) => space)]
}

/** What the log holds, then with --follow what comes; one line or one JSON document each. */
async function events(context: Context, given: Given): Promise<number> {
  const topics = given.texts('topic').flatMap((part) => part.split(','))
  const named = given
    .texts('space')
    .flatMap((part) => part.split(','))
    .map(spaceOf)
  const ofNode = isOfNode(named, topics)
  if (!ofNode) await context.person()
  const client = await context.client(ofNode && context.settings.as === undefined ? 'operator' : 'person')
  const spaces = ofNode ? [nodeSpace] : await spacesFor(context, named)
  const stop = new AbortController()
  context.signal.addEventListener('abort', () => stop.abort(), { once: true })
  const follow = given.flag('follow')
  const printer = new Printer(context)
  // From the beginning of the log when it is only looked at, from now on when it is followed.
  const after = follow && !given.flag('all') ? undefined : Object.fromEntries(spaces.map((space) => [space, { epoch: '', sequence: 0 }]))
  let isFirst = true
  for await (const item of client.events({ spaces, ...(topics.length === 0 ? {} : { topics }), signal: stop.signal, ...(after === undefined ? {} : { after }) })) {
    // The made-up position above is of no epoch, which the node says first.
    if ('truncated' in item && after !== undefined && isFirst) continue
    isFirst = false
    if ('caughtUp' in item) {
      if (follow) continue
      stop.abort()
      break
    }
    show(context, printer, item)
  }
  if (context.signal.aborted) throw new Interrupted()
  return 0
}

function show(context: Context, printer: Printer, item: EventItem): void {
  if ('truncated' in item) {
    context.hint(context.say('events.truncated', { spaces: item.truncated.join(', ') }))
    return
  }
  if (!('event' in item)) return
  const { event } = item
  if (!printer.forPeople) {
    printer.json(event)
    return
  }
  const data = Object.entries(event.data)
    .map(([name, value]) => `${name} ${shortIdsIn(typeof value === 'string' ? value : JSON.stringify(value))}`)
    .join('  ')
  printer.text(`${printer.style.dim(printer.time(event.time))}  ${printer.style.bold(event.type.replace(/^icn\./, ''))}  ${event.space ?? ''}  ${data}`.trimEnd())
}

export const eventCommands: readonly LocalCommand[] = [
  {
    path: 'events',
    method: 'event.page',
    says: 'Print events as they come.',
    flags: [
      { flags: '--topic <topic>', says: 'A topic such as coop:updates, or network:status for the operator; may stand several times.', many: true },
      { flags: '--space <space>', says: 'A space such as coop:food, or node for what happens at the node; may stand several times.', many: true },
      { flags: '--follow', says: 'Go on until interrupted.' },
    ],
    run: events,
  },
]
