import { fork as forkProcess, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { plantOf, plants } from './plants.ts'
import type { RunCounts } from './run.ts'
import type { Answer, Task } from './worker.ts'

/** Runs seeds until the time is over, on every core: `./icn test sim --minutes N [--runs N] [--seed S] [--nodes 3-7] [--plant NAME]`. */

/** After so many failures more would say nothing new. */
const failuresMax = 10
const progressMs = 10_000

interface Plan {
  readonly until: number
  readonly runsMax: number
  readonly seed: number
  readonly nodes: readonly [min: number, max: number]
  readonly plant: string | undefined
}

class Usage extends Error {}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, runs: { type: 'string' }, seed: { type: 'string' }, nodes: { type: 'string' }, plant: { type: 'string' } },
  })
  const number = (name: string, text: string | undefined, standard: number, min: number): number => {
    if (text === undefined) return standard
    const value = Number(text)
    if (!Number.isFinite(value) || value < min) throw new Usage(`--${name} ${text} is no number from ${min} on`)
    return value
  }
  const [from, to] = (values.nodes ?? '3-7').split('-')
  const min = number('nodes', from, 3, 2)
  const max = number('nodes', to ?? from, 7, min)
  if (max > 12) throw new Usage('--nodes: at most 12')
  if (values.plant !== undefined && plantOf(values.plant) === undefined) throw new Usage(`--plant: one of ${Object.keys(plants).join(' ')}`)
  const minutes = number('minutes', values.minutes, values.runs === undefined ? 1 : 24 * 60, 0)
  return {
    until: Date.now() + minutes * 60_000,
    runsMax: number('runs', values.runs, Number.POSITIVE_INFINITY, 1),
    seed: number('seed', values.seed, Math.floor(Date.now() / 1_000), 0),
    nodes: [min, max],
    plant: values.plant,
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

class Campaign {
  readonly #plan: Plan
  readonly #began = Date.now()
  readonly #sums: Record<string, number> = {}
  readonly #failures: Extract<Answer, { failed: string }>[] = []
  #next = 0
  #runs = 0

  constructor(plan: Plan) {
    this.#plan = plan
  }

  async run(): Promise<number> {
    const { seed, nodes, until, runsMax } = this.#plan
    const workers = Math.min(availableParallelism(), runsMax)
    say(
      `sim: seeds from ${seed}, ${nodes[0]}–${nodes[1]} nodes, ${workers} processes, ${until - Date.now() > 23 * 3_600_000 ? `${runsMax} runs` : `until ${new Date(until).toISOString()}`}`,
    )
    const progress = setInterval(() => this.#progress(), progressMs)
    await Promise.all(Array.from({ length: workers }, () => this.#work()))
    clearInterval(progress)
    return this.#summary()
  }

  #task(): Task | undefined {
    const { seed, nodes, until, runsMax, plant } = this.#plan
    if (this.#next >= runsMax || Date.now() >= until || this.#failures.length >= failuresMax) return undefined
    const own = seed + this.#next++
    return { seed: own, nodes: nodes[0] + (own % (nodes[1] - nodes[0] + 1)), ...(plant === undefined ? {} : { plant }) }
  }

  #work(): Promise<void> {
    return new Promise((resolve, reject) => {
      const child: ChildProcess = forkProcess(new URL('./worker.ts', import.meta.url), { execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64'] })
      const give = (): void => {
        const task = this.#task()
        if (task === undefined) child.disconnect()
        else child.send(task)
      }
      child.on('message', (message) => {
        this.#take(message as Answer)
        give()
      })
      child.on('error', reject)
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a process of the simulator ended with ${code}`))))
      give()
    })
  }

  #take(answer: Answer): void {
    this.#runs++
    if ('failed' in answer) {
      this.#failures.push(answer)
      say(
        `sim: FAILED seed ${answer.seed} on ${answer.nodes} nodes (${Math.round((Date.now() - this.#began) / 1_000)} s, run ${this.#runs})\n  ${answer.failed}\n  again: ${commandOf(answer)}`,
      )
    } else for (const [name, count] of Object.entries(answer.counts as RunCounts)) this.#sums[name] = (this.#sums[name] ?? 0) + count
  }

  #progress(): void {
    const seconds = (Date.now() - this.#began) / 1_000
    say(`sim: ${this.#runs} runs in ${Math.round(seconds)} s (${(this.#runs / seconds).toFixed(1)}/s), ${this.#failures.length} failed`)
  }

  #summary(): number {
    this.#progress()
    say(
      `sim: ${Object.entries(this.#sums)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')}`,
    )
    for (const failure of this.#failures) say(`sim: seed ${failure.seed}: ${failure.failed.split('\n')[0]?.slice(0, 200)}\n  ${commandOf(failure)}`)
    return this.#failures.length === 0 ? 0 : 1
  }
}

const commandOf = ({ seed, nodes, plant }: Task): string => `./icn test sim --runs 1 --seed ${seed} --nodes ${nodes}${plant === undefined ? '' : ` --plant ${plant}`}`

try {
  process.exitCode = await new Campaign(readPlan()).run()
} catch (error) {
  if (!(error instanceof Usage) && (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
  process.stderr.write(`sim: ${(error as Error).message}\n`)
  process.exitCode = 2
}
