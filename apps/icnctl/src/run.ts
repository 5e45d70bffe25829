import { exitInterrupted } from '@icn/protocol'
import { CommanderError } from 'commander'
import { Context } from './context.ts'
import { type Environment, languageOf, readSettings } from './globals.ts'
import { openIo } from './io.ts'
import { CliRefusal, failureOf, Interrupted } from './problems.ts'
import { buildProgram, type Chosen } from './program.ts'
import { showProblem } from './show/refusal.ts'
import { styleOf } from './show/style.ts'
import { textsIn } from './texts/index.ts'

/** One run of the program; answers its exit code. */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  const texts = textsIn(languageOf(args, environment))
  let asksNothing = args.includes('-y') || args.includes('--yes')
  const io = openIo(() => asksNothing)
  const stop = new AbortController()
  const onInterrupt = (): void => stop.abort(new Interrupted())
  process.once('SIGINT', onInterrupt)
  const isTalkative = args.includes('-v') || args.includes('--verbose')
  const isMachine = args.some((arg) => arg === '--json' || arg === '--jsonl')
  try {
    const chosen = parse(args)
    const settings = readSettings(chosen.options, environment, io.terminal, texts.language)
    asksNothing = settings.yes
    return await chosen.run(new Context({ settings, environment, io, texts, signal: stop.signal }))
  } catch (error) {
    const failure = failureOf(stop.signal.aborted ? new Interrupted() : error, texts)
    const color = io.terminal && !environment['NO_COLOR'] && !args.includes('--color=never') && !isMachine
    io.note(
      failure.exit === exitInterrupted
        ? texts.say('say.interrupted')
        : showProblem(
            failure.problem,
            failure.exit,
            failure.stack === undefined || !isTalkative ? failure.hints : [...failure.hints, failure.stack],
            texts,
            styleOf(color && process.stderr.isTTY === true),
          ),
    )
    // The last line of stdout is the problem, so that a script reads one stream only.
    if (isMachine) io.out(JSON.stringify(failure.problem))
    return failure.exit
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

function parse(args: readonly string[]): Chosen {
  const program = buildProgram(args)
  try {
    program.root.parse([...args], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw refusalOf(error)
    throw error
  }
  return program.chosen() as Chosen
}

/** What the parser of the command line says, in our words. */
function refusalOf(error: CommanderError): CliRefusal {
  const [quoted = ''] = /(?<=').*?(?=')/.exec(error.message) ?? []
  const nearest = /Did you mean (--[a-z-]+)/.exec(error.message)?.[1]
  const fix = nearest === undefined ? undefined : ({ words: 'trouble.did_you_mean', params: { nearest } } as const)
  if (error.code === 'commander.unknownOption') return new CliRefusal('INPUT_INVALID', 'trouble.unknown_flag', { flag: quoted }, fix)
  return new CliRefusal('INPUT_INVALID', 'trouble.value', { value: quoted, field: 'icnctl', reason: error.message.replace(/^error: /, '') })
}
