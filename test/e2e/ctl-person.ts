import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeClasses, type MethodName, rowOf } from '@icn/protocol'
import { type CommandSpec, type Field, specOf } from '../../apps/icnctl/src/fields.ts'
import { type Ran, runProgram, writeKey, writePassphrase } from '../../apps/icnctl/src/fixture.ts'
import { destructive } from '../../apps/icnctl/src/rows.ts'
import type { Answer, Asking } from './doors.ts'
import { type BroughtIn, type Fields, Person, seedOf, type TestNode } from './harness.ts'

/** A duration as people type it; whole seconds, because more than nine digits of anything is a slip of the hand. */
const duration = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`)

function typed({ flag, type }: Field, value: unknown): readonly string[] {
  if (type === 'boolean') return [value === true ? `--${flag}` : `--no-${flag}`]
  const text = type === 'document' ? JSON.stringify(value) : type === 'duration' ? duration(value as number) : Array.isArray(value) ? value.join(',') : String(value)
  return [`--${flag}=${text}`]
}

/** An input of a row as it is typed for its command. */
function commandOf({ method, path, fields }: CommandSpec, input: Fields): readonly string[] {
  const flags = Object.entries(input).flatMap(([name, value]) => {
    if (name === 'coop_id') return ['-c', String(value)]
    const field = fields.find((one) => one.name === name)
    if (field === undefined) throw new Error(`icnctl takes no ${name} for ${method}`)
    return typed(field, value)
  })
  return [...path, ...flags]
}

function globalsOf(asking: Asking): readonly string[] {
  return [
    // The own key is the default.
    ...(asking.draft ? [] : ['--sign', 'node']),
    ...(asking.dryRun ? ['--dry-run'] : []),
    ...(asking.explain ? ['--explain'] : []),
    ...(asking.key === undefined ? [] : ['--idempotency-key', asking.key]),
    ...(asking.ifMatch === undefined ? [] : ['--if-match', asking.ifMatch]),
    ...(asking.ifUnchanged === undefined ? [] : ['--if-unchanged', asking.ifUnchanged]),
  ]
}

/** One document on stdout, and an exit code that says the same as it. */
function answerOf(ran: Ran): Answer {
  const none = { etag: /^Its tag: (\S+)$/m.exec(ran.err)?.[1], replayed: undefined, location: undefined, headers: new Headers() }
  assert.equal(ran.out.trim().split('\n').length, 1, `${ran.code}: ${ran.out}\n${ran.err}`)
  const body = ran.json
  const isProblem = typeof body === 'object' && body !== null && 'code' in body && 'class' in body && 'status' in body
  if (isProblem) {
    assert.equal(ran.code, codeClasses[body.class as keyof typeof codeClasses].exit, ran.err)
    return { ok: false, status: body.status, body, code: body.code, ...none }
  }
  const isNo = body?.outcome === 'simulated' && body.decision?.outcome === 'refused'
  // 9: done in part, as an import with lines that nobody can read.
  assert.ok(isNo ? ran.code === 3 : ran.code === 0 || ran.code === 9, `${ran.code}: ${ran.out}\n${ran.err}`)
  return { ok: true, status: 200, body, code: undefined, ...none }
}

/** Somebody at a command line: each call is a run of `icnctl`, a program of its own, with key file, sessions and chain positions in a folder of this person's. */
export class CtlPerson extends Person {
  override readonly leavesDrafts = false
  readonly #transport: 'rest' | 'rpc'
  readonly #folder = mkdtempSync(join(tmpdir(), 'icn-ctl-'))
  #furnished: Promise<unknown> | undefined
  /** Code of an invitation, by the signature that was made with it. */
  readonly #codes = new Map<unknown, string>()
  /** File of a register, by the token of its preview. */
  readonly #registers = new Map<unknown, string>()

  constructor(node: TestNode, name: string, transport: 'rest' | 'rpc') {
    super(node, name, (at) => (transport === 'rest' ? at.rest : at.rpc))
    this.#transport = transport
  }

  override dispose(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true })
  }

  async #furnish(): Promise<void> {
    await writePassphrase(this.#folder)
    await writeKey(this.#folder, this.name.toLowerCase(), seedOf(this.name), this.name)
  }

  async #run(args: readonly string[], folder = this.#folder): Promise<Answer> {
    const { gateway, rpc } = this.node.at.addresses
    const door = this.#transport === 'rest' ? (gateway as string) : (rpc as string).replace('http://', '')
    return answerOf(await runProgram([...args, '--json'], { ICN_DATA_DIR: folder, ICN_PASSPHRASE_FILE: join(folder, 'passphrase'), ICN_ENDPOINT: door }))
  }

  /** The words of a command; undefined where only a door can be asked. By hand what icnctl makes by hand: what it works out itself is left out. */
  async #command(method: MethodName, input: Fields, asking: Asking): Promise<readonly string[] | undefined> {
    const { coop_id, ...rest } = input as Record<string, any>
    switch (method) {
      case 'coop.create': {
        const { id, name, type, founders = [] } = rest
        const words = founders.flatMap((one: { did: string; name: string; roles: string[] }) => ['--founder', `${one.did}=${one.roles.join(',')} ${one.name}`])
        return ['coop', 'create', name, type, '--id', id, ...words]
      }
      case 'coop.sign_charter':
        // The signature is the program's own.
        return ['coop', 'sign', coop_id, rest['hash']]
      case 'coop.join':
        return ['coop', 'join', this.#codes.get(rest['signature']) as string, '-c', coop_id, '--name', rest['name']]
      case 'coop.import.preview': {
        const file = join(this.#folder, `register-${this.#registers.size}.csv`)
        await writeFile(file, asking.csv as string)
        return ['coop', 'preview-import', coop_id, file]
      }
      case 'coop.import':
        return ['coop', 'import', coop_id, this.#registers.get(rest['token']) as string, '--report', join(this.#folder, 'left-out.csv')]
      case 'coop.export':
        return ['coop', 'export', coop_id, '--out', join(this.#folder, 'export'), ...(rest['as_of_date'] === undefined ? [] : ['--as-of', rest['as_of_date']])]
      case 'coop.update_member_role':
        // Without a tag icnctl reads it itself; only a door can be asked without any.
        return asking.ifMatch === undefined ? undefined : commandOf(specOf(method), input)
      default:
        return rowOf(method).cli === undefined ? undefined : commandOf(specOf(method), input)
    }
  }

  override async ask(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    const words = await this.#command(method, input, asking)
    // Rows without a command are asked at the door itself.
    if (words === undefined) return super.ask(method, input, asking)
    this.#furnished ??= this.#furnish()
    await this.#furnished
    const field = destructive[method]
    const confirm = field === undefined || asking.dryRun ? [] : ['--confirm', String(input[field])]
    // -v says the tag of what is read.
    const answer = await this.#run([...words, ...(rowOf(method).mode === 'write' ? globalsOf(asking) : ['-v']), ...confirm])
    if (!answer.ok) return answer
    if (method === 'coop.import.preview') this.#registers.set(answer.body.token, words.at(-1) as string)
    return method === 'coop.export' ? { ...answer, body: await this.#exported(String(input['what'] ?? 'operations')) } : answer
  }

  #exported(what: string): Promise<string> {
    return readFile(join(this.#folder, 'export', `${what}.${what === 'operations' ? 'ndjson' : 'csv'}`), 'utf8')
  }

  override write(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    return this.ask(method, input, { ...asking, draft: true })
  }

  /** The same program where no key lies. */
  override async asStranger(method: MethodName, input: Fields): Promise<Answer> {
    const empty = mkdtempSync(join(tmpdir(), 'icn-ctl-'))
    try {
      return await this.#run(commandOf(specOf(method), input), empty)
    } finally {
      await rm(empty, { recursive: true })
    }
  }

  override async redemption(coopId: string, code: string): Promise<Fields> {
    const fields = await super.redemption(coopId, code)
    this.#codes.set(fields['signature'], code)
    return fields
  }

  /** The command waits for the job and prints its end; where nothing is left to bring in, it prints the look that says so. */
  override async bringIn(coopId: string, token: string): Promise<BroughtIn> {
    const { ok, body } = await this.ask('coop.import', { coop_id: coopId, token })
    assert.ok(ok, JSON.stringify(body))
    if (body.counts !== undefined) return { added: body.counts.new, left_out: body.problems }
    assert.deepEqual(await this.read('job.get', { id: body.id }), body)
    return this.resultOf(body)
  }
}
