import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { type Did, didOfKey, envelopeOf, type MethodName, pageOf, ProblemJson, rowOf } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Place, type Ran, runProgram } from './fixture.ts'

let place: Place
let ada: Did
let ben: Did

const as = (name: string, ...args: string[]): Promise<Ran> => place.run(['--as', name, ...args])
const coded = (ran: Ran, code: number): Ran => {
  assert.equal(ran.code, code, `${ran.out}\n${ran.err}`)
  return ran
}
const fits = (method: MethodName, value: unknown): void => {
  const row = rowOf(method)
  const schema = row.mode === 'list' ? pageOf(row.output) : row.mode === 'write' ? envelopeOf(row.output) : row.output
  const read = schema.safeParse(value)
  if (!read.success) assert.fail(`${method}: ${JSON.stringify(read.error.issues).slice(0, 400)}`)
}

before(async () => {
  place = await Place.open()
  ;[ada, ben] = await Promise.all([place.addKey('ada', 1, 'Ada'), place.addKey('ben', 2, 'Ben'), place.addKey('chen', 3, 'Chen'), place.addKey('dora', 4, 'Dora')])
})
after(() => place.close())

it('founds a cooperative, signs and opens it, with two people’s own keys', async () => {
  const made = coded(await as('ada', 'coop', 'create', 'Food Coop', 'consumer', '--id', 'food', '--founder', `${ben}=steward Ben`, '--min-founders', '2', '--json'), 0)
  fits('coop.create', made.json)
  assert.equal(made.json.outcome, 'applied')
  assert.deepEqual(await readdir(join(place.folder, 'run', 'foundings')), [], 'nothing is left to be handed in again')
  const signed = coded(await as('ada', 'coop', 'sign', 'food'), 0)
  assert.match(signed.out, /Done here/)
  assert.match(signed.err, /Hash of the text, worked out here: bafyrei/)
  assert.match(signed.err, /Next: icnctl coop founding food/)
  const early = coded(await as('ada', 'coop', 'activate', 'food', '--json'), 3)
  assert.equal(early.json.code, 'CHARTER_NOT_RATIFIED')
  ProblemJson.parse(early.json)
  assert.match(early.err, /1 of 2 founders have signed/)
  assert.match(early.err, /Full record: icnctl explain dec_/)
  coded(await as('ben', 'coop', 'sign', 'food'), 0)
  coded(await as('ada', 'coop', 'activate', 'food'), 0)
  const again = coded(await as('ada', 'coop', 'create', 'Food Coop', 'consumer', '--id', 'food', '--json'), 6)
  assert.equal(again.json.code, 'ALREADY_FOUNDED')
  assert.match(coded(await as('ada', 'coop', 'create', 'Food Coop', 'consumer', '--id', 'food', '--resume'), 0).err, /founded already/)
})

it('says in a dry run under which id is founded, also when none was given', async () => {
  const args = ['coop', 'create', 'Bread & Butter', 'worker', '--json'] as const
  for (const key of [[], [], ['--idempotency-key', 'another']]) {
    const dry = coded(await as('ada', ...args, ...key, '--dry-run'), 0).json
    assert.match(dry.value.coop_id, /^bread-butter-[a-z]{4}$/)
    assert.ok(dry.changes.length > 0)
    assert.equal(dry.decision.outcome, 'lawful')
    const made = coded(await as('ada', ...args, ...key), 0).json
    assert.equal(made.outcome, 'applied')
    assert.equal(made.value.coop_id, dry.value.coop_id)
  }
  const { items } = coded(await as('ada', 'coop', 'list', '--scope', 'mine', '--json'), 0).json
  const [mine, both] = await Promise.all([as('ada', 'coop', 'list', '--mine', '--json'), as('ada', 'coop', 'list', '--mine', '--directory', '--json')])
  assert.deepEqual([coded(mine, 0).json.items, coded(both, 2).json.code], [items, 'INPUT_INVALID'])
  assert.equal(items.filter(({ name }: { name: string }) => name === 'Bread & Butter').length, 3, 'without a key each is another')
})

it('founds the same cooperative when it is cut off in the middle and given again', async (t) => {
  // The clock stands still, so that a slow machine decides nothing.
  let now = Date.now()
  const own = await Place.open(() => now)
  await own.addKey('ada', 1)
  const nonces = new Set<string>()
  let isCut = true
  // A way to the node on which the signed operation does not arrive at first.
  const way = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { signed } = (JSON.parse(body) as { params?: { signed?: { body: { nonce: string } } } }).params ?? {}
    if (signed !== undefined) nonces.add(signed.body.nonce)
    if (signed !== undefined && isCut) return void request.socket.destroy()
    const headers = Object.fromEntries(
      ['authorization', 'content-type', 'icn-operator'].flatMap((name) => (typeof request.headers[name] === 'string' ? [[name, request.headers[name]]] : [])),
    )
    const answer = await fetch(`http://${own.rpc}/rpc`, { method: 'POST', headers, body })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
  })
  t.after(async () => {
    way.closeAllConnections()
    way.close()
    await own.close()
  })
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
  const create = (...args: string[]): Promise<Ran> => own.run(['-e', `127.0.0.1:${(way.address() as AddressInfo).port}`, 'coop', 'create', ...args, 'worker', '--json'])
  for (const { name, afterMs, signings } of [
    { name: 'Wood Coop', afterMs: 0, signings: 1 },
    // What was signed a day ago is too late for any door: it is signed anew.
    { name: 'Wool Coop', afterMs: 86_400_000, signings: 2 },
  ]) {
    nonces.clear()
    isCut = true
    const cut = coded(await create(name), 8)
    assert.equal(cut.json.code, 'OUTCOME_UNKNOWN')
    isCut = false
    now += afterMs
    const dry = coded(await create('--dry-run', name), 0)
    const again = coded(await create(name), 0)
    assert.equal(again.json.outcome, 'applied')
    assert.equal(again.json.value.coop_id, dry.json.value.coop_id)
    assert.equal(nonces.size, signings)
  }
})

it('answers every read as JSON that fits its row, over both doors the same', async () => {
  const reads: readonly [MethodName, readonly string[]][] = [
    ['coop.get', ['coop', 'get', 'food']],
    ['coop.list_members', ['coop', 'list-members', 'food']],
    ['coop.charter.get', ['charter', 'show', 'food']],
    ['operation.list', ['operation', 'list', '-c', 'food', '--kind', 'coop.found']],
    ['me.get', ['auth', 'whoami']],
  ]
  // A first call signs in, so that the others need no key.
  coded(await as('ada', '-e', place.gateway, 'auth', 'login'), 0)
  await Promise.all(
    reads.map(async ([method, args]) => {
      const [rpc, rest] = await Promise.all([as('ada', ...args, '--json'), as('ada', '-e', place.gateway, ...args, '--json')])
      for (const ran of [rpc, rest]) fits(method, coded(ran, 0).json)
      assert.deepEqual({ ...rpc.json, as_of: '' }, { ...rest.json, as_of: '' })
    }),
  )
  fits('node.status', coded(await place.run(['status', '--json']), 0).json)
})

it('prints tables for people, lines for machines, and never a colour into a pipe', async () => {
  const [table, lines, csv, forced] = await Promise.all([
    as('ada', 'coop', 'list-members', 'food'),
    as('ada', 'coop', 'list-members', 'food', '--jsonl'),
    as('ada', 'coop', 'list-members', 'food', '--csv'),
    as('ada', '--color', 'always', 'coop', 'list-members', 'food', '--json'),
  ])
  assert.match(table.out, /^No\. {2}Name +DID +Status/)
  assert.match(table.out, /did:icn:z6Mk.…\w{4}/)
  assert.ok(table.out.split('\n').every((line) => line === line.trimEnd()))
  assert.match(table.err, /As of .*, this node alone\./)
  assert.equal(lines.out.trim().split('\n').length, 2)
  assert.match(csv.out, /^did,coop_id,number,kind,name,status/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control character is what is looked for.
  for (const ran of [table, lines, csv, forced]) assert.doesNotMatch(ran.out, /\u001b/)
  assert.doesNotThrow(() => forced.json)
})

it('says what is missing in an empty list', async () => {
  const [en, es] = await Promise.all([as('ada', 'coop', 'invite', 'list', 'food'), as('ada', '--lang', 'es', 'coop', 'invite', 'list', 'food')])
  assert.match(en.out, /icnctl coop invite create ID/)
  assert.match(es.out, /No hay invitaciones/)
})

it('invites by link, and lets somebody join at the door that the link names', async () => {
  const { json } = coded(await as('ada', 'coop', 'invite', 'create', 'food', '--name', 'Chen', '--json'), 0)
  fits('coop.invite.create', json)
  const joined = coded(await place.run(['--as', 'chen', 'coop', 'join', json.value.link, '--json'], { env: { ICN_ENDPOINT: '' } }), 0)
  fits('coop.join', joined.json)
  assert.equal(joined.json.value.name, 'Chen')
  const spent = coded(await as('chen', 'coop', 'join', json.value.code, '-c', 'food', '--json'), 0)
  assert.equal(spent.json.outcome, 'already_done')
})

it('turns what needs a second person into an act, which the other confirms', async () => {
  const roles = coded(await as('ada', 'coop', 'set-role', 'food', await keyOf('chen'), 'member', 'treasurer', '--json'), 0)
  const { act } = roles.json.value
  const open = coded(await as('ben', 'act', 'list', '-c', 'food'), 0)
  assert.match(open.out, /coop\.member\.roles +Chen +Ada/)
  const done = coded(await as('ben', 'act', 'confirm', act.act_id, '--space', 'food', '--json'), 0)
  assert.equal(done.json.value.state, 'done')
})

const keyOf = async (name: string): Promise<string> => (await place.run(['id', 'show', name, '--json'])).json.did

it('has an exit code for each class of no', async () => {
  const cases: readonly [code: number, run: () => Promise<Ran>, problem: string][] = [
    [2, () => as('ada', 'coop', 'get', 'Food_', '--json'), 'COOP_ID_INVALID'],
    [2, () => as('ada', 'coop', 'gett', 'food', '--json'), 'INPUT_INVALID'],
    [2, () => as('ada', 'coop', 'get', 'food', '--colour', '--json'), 'INPUT_INVALID'],
    [2, () => place.run(['api', 'coop.gett', '{}', '--json']), 'RPC_METHOD_UNKNOWN'],
    [2, () => place.run(['id', 'needs', '--json']), 'INPUT_INVALID'],
    [3, () => as('ada', 'coop', 'suspend-member', 'food', ada, 'arrears', 'x', '--dry-run', '--json'), 'simulated'],
    [3, () => as('ada', 'coop', 'suspend-member', 'food', ada, 'arrears', 'x', '--json'), 'NEEDS_SECOND'],
    [4, () => as('ben', '--sign', 'node', 'coop', 'rename-member', 'food', 'Benito', '--json'), 'NO_GRANT'],
    [4, () => place.run(['--as', 'ada', 'coop', 'sign', 'food', '--json'], { env: { ICN_PASSPHRASE_FILE: join(place.folder, 'wrong') } }), 'PASSPHRASE_WRONG'],
    [5, () => as('ada', 'coop', 'get', 'nothing-here', '--json'), 'NOT_FOUND'],
    [5, () => place.run(['--as', 'nobody', 'auth', 'whoami', '--json']), 'KEY_FILE_MISSING'],
    [6, () => as('ada', 'coop', 'rename-member', 'food', 'Ada A.', '--if-match', 'another', '--json'), 'ETAG_MISMATCH'],
    [8, () => place.run(['coop', 'list', '--json'], { env: { ICN_ENDPOINT: '127.0.0.1:9' } }), 'UNREACHABLE'],
  ]
  await writeFile(join(place.folder, 'wrong'), 'not the passphrase', { mode: 0o600 })
  await Promise.all(
    cases.map(async ([code, run, problem]) => {
      const ran = coded(await run(), code)
      assert.equal(ran.json.code ?? ran.json.outcome, problem, ran.out)
      if (ran.json.code !== undefined && problem !== 'UNREACHABLE') ProblemJson.parse(ran.json)
      assert.equal(ran.out.trim().split('\n').length, 1, 'one document')
    }),
  )
})

it('ends with 7 when the node is busy, 9 when half is done, 10 with findings, 130 when interrupted', async () => {
  const busy = createServer((_, response) => {
    const problem = {
      type: '/codes/MAILBOX_FULL',
      title: 'busy',
      status: 503,
      detail: 'busy',
      instance: '',
      code: 'MAILBOX_FULL',
      class: 'busy',
      params: {},
      reasons: [],
      errors: [],
      retry: { advice: 'later', after_ms: 1 },
      request_id: '',
    }
    response.writeHead(503, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
  })
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
  const port = (busy.address() as AddressInfo).port
  const ran = coded(await place.run(['coop', 'stats', 'food', '-e', `http://127.0.0.1:${port}`, '--json']), 7)
  assert.equal(ran.json.code, 'MAILBOX_FULL')
  busy.close()
  const file = join(place.folder, 'register.csv')
  await writeFile(file, 'number,name,joined_at\n41,Hugo,2020-01-01\n41,Ida,2020-01-01\n')
  const half = coded(await as('ada', 'coop', 'import', 'food', file, '--preview', '--json'), 9)
  assert.equal(half.json.counts.error, 1)
  const lint = coded(await place.run(['charter', 'lint', '{"v":1}', '--json']), 10)
  assert.equal(lint.json.ok, false)
  const stopped = await place.run(['--as', 'ada', '-v', 'events', '--follow', '-c', 'food'], { interruptAfter: /event\.page/ })
  assert.equal(coded(stopped, 130).err.includes('Stopped waiting'), true)
})

it('shows the operator what happens at the node, without anybody’s key', async () => {
  const other = didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(88)).publicKey)
  coded(await place.run(['network', 'ban', other, '--reason', 'Floods us']), 0)
  for (const asked of [
    ['--topic', 'network:status'],
    ['--space', 'node'],
  ]) {
    const [line] = coded(await place.run(['events', ...asked, '--json']), 0)
      .out.trim()
      .split('\n')
    const event = JSON.parse(line ?? '{}')
    assert.deepEqual([event.type, event.data.did, event.data.reason], ['icn.peer.banned', other, 'Floods us'])
  }
  const banned = async (...more: string[]): Promise<string> => coded(await place.run(['network', 'peers', '--banned', ...more]), 0).out
  assert.doesNotMatch(await banned(), /operator/)
  assert.match(await banned('--wide'), /operator/, 'who has banned it, and all that is known of it')
  coded(await place.run(['network', 'unban', other]), 0)
})

it('brings a register in and takes the cooperative along', async () => {
  const file = join(place.folder, 'register.csv')
  for (const dryRun of [['--dry-run'], []]) {
    const refused = coded(await as('ada', 'coop', 'import', 'food', file, ...dryRun), 4)
    assert.match(refused.err, /icnctl grant create -c food/)
  }
  coded(await as('ada', 'grant', 'create', '-c', 'food', '--scopes', 'coop.entry.add,coop.invite.create', '--for', '1h'), 0)
  const report = join(place.folder, 'left.csv')
  const dry = coded(await as('ada', 'coop', 'import', 'food', file, '--dry-run', '--json'), 9)
  assert.equal(dry.json.counts.new, 1)
  const brought = coded(await as('ada', 'coop', 'import', 'food', file, '--report', report), 9)
  assert.match(brought.out, /1 lines were brought in/)
  assert.match(await readFile(report, 'utf8'), /IMPORT_NUMBER_TWICE/)
  const again = coded(await as('ada', 'coop', 'import', 'food', file), 9)
  assert.match(again.out, /nothing to bring in/)
  const out = join(place.folder, 'out')
  coded(await as('ada', 'coop', 'export', 'food', '--out', out), 0)
  assert.deepEqual((await readdir(out)).sort(), ['log.csv', 'officers.csv', 'operations.ndjson', 'register.csv'])
  assert.equal((await stat(join(out, 'register.csv'))).mode & 0o777, 0o600)
})

it('tries out, and sends exactly what was tried', async () => {
  const tried = coded(await as('ada', 'coop', 'place-member', 'food', ben, '--number', '7', '--dry-run', '--json'), 0)
  assert.equal(tried.json.outcome, 'simulated')
  coded(await as('ada', 'coop', 'place-member', 'food', ben, '--number', '7', '--if-unchanged', tried.json.token), 0)
  const changed = coded(await as('ada', 'coop', 'place-member', 'food', ben, '--number', '8', '--if-unchanged', tried.json.token, '--json'), 6)
  assert.equal(changed.json.code, 'STATE_CHANGED')
})

it('does a thing once under one key, and explains it afterwards', async () => {
  const args = ['coop', 'rename-member', 'food', 'Benedikt', '--idempotency-key', 'rename-ben', '--json']
  const [first, again] = [await as('ben', ...args), await as('ben', ...args)]
  assert.equal(first.json.operations[0].id, again.json.operations[0].id)
  const why = coded(await as('ben', 'explain', first.json.operations[0].id), 0)
  assert.match(why.out, /Every rule was met/)
  assert.match(why.out, /Signed by did:icn:z6Mk.…\w{4}, the person’s own key/)
  assert.match(coded(await place.run(['explain', 'LAST_STEWARD', '--lang', 'es']), 0).out, /responsable/)
})

it('leaves nothing for one’s own key when the node was told to sign, and says so in a dry run too', async () => {
  const { json } = coded(await as('ada', 'coop', 'invite', 'create', 'food', '--json'), 0)
  const keys = await readdir(join(place.folder, 'keys'))
  const cases: readonly (readonly [code: string, ...args: string[]])[] = [
    ['NO_GRANT', 'coop', 'create', 'Night Coop', 'worker', '--id', 'night'],
    ['NO_GRANT', 'coop', 'resign', 'food', '--confirm', 'food'],
    ['NO_GRANT', 'coop', 'join', json.value.code, '-c', 'food'],
    ['NO_GRANT', 'coop', 'rename-member', 'food', 'Benito'],
    ['NO_GRANT', 'id', 'rotate'],
    ['COOP_STATUS', 'coop', 'sign', 'food'],
  ]
  await Promise.all(
    cases.map(async ([code, ...args]) => {
      const name = args[1] === 'join' ? 'dora' : 'ben'
      const dry = await as(name, ...args, '--sign', 'node', '--dry-run', '--json')
      const real = await as(name, ...args, '--sign', 'node', '--json')
      assert.equal(real.json.code, code, real.out)
      if (code === 'NO_GRANT') assert.deepEqual([dry.code, dry.json.code], [4, code], dry.out)
      else assert.equal(dry.json.decision.outcome, 'refused')
    }),
  )
  assert.deepEqual(await readdir(join(place.folder, 'keys')), keys)
  coded(await as('ben', 'coop', 'get', 'night'), 5)
})

it('writes nothing in the dry run of a new root key', async () => {
  const keys = await readdir(join(place.folder, 'keys'))
  const { json } = coded(await as('ben', 'id', 'rotate', '--dry-run', '--json'), 0)
  assert.equal(json.outcome, 'simulated')
  assert.deepEqual(json.warnings, [])
  assert.deepEqual(await readdir(join(place.folder, 'keys')), keys)
})

it('sets a thing once under one key, though it looks at the old value before', async () => {
  const args = ['coop', 'set', 'food', 'website', 'https://food.example', '--idempotency-key', 'website', '--json']
  const [first, again] = [coded(await as('ada', ...args), 0).json, coded(await as('ada', ...args), 0).json]
  assert.equal(first.outcome, 'applied')
  assert.deepEqual(again.operations, first.operations)
})

it('says with -v the tag that --if-match wants', async () => {
  const read = coded(await as('ada', '-v', 'coop', 'member', 'food', ben, '--json'), 0)
  const [, tag] = /^Its tag: (\S+)$/m.exec(read.err) as unknown as [string, string]
  coded(await as('ada', 'coop', 'place-member', 'food', ben, '--number', '17', '--if-match', tag), 0)
  coded(await as('ada', 'coop', 'place-member', 'food', ben, '--number', '18', '--if-match', tag), 6)
})

it('lets a device sign for a person, until it is taken back', async () => {
  const phone = coded(await place.run(['id', 'init', 'phone', '--for', ada, '--label', 'Phone', '--json']), 0).json
  coded(await as('ada', 'device', 'add', phone.key, 'Phone', '--days', '30', '--spaces', 'food'), 2)
  const added = coded(await as('ada', 'device', 'add', phone.key, 'Phone', '--days', '30', '--space', 'coop:food', '--json'), 0)
  assert.deepEqual(
    added.json.value.spaces.map((one: { outcome: string }) => one.outcome),
    ['applied'],
  )
  const renamed = coded(await as('phone', 'coop', 'rename-member', 'food', 'Ada P.', '--json'), 0)
  assert.equal(renamed.json.value.name, 'Ada P.')
  coded(await as('phone', 'coop', 'sign', 'food'), 4)
  coded(await as('ada', 'device', 'revoke', phone.key, '--reason', 'lost'), 0)
  coded(await as('phone', 'coop', 'rename-member', 'food', 'Ada Q.'), 4)
})

it('keeps keys: paper and back, a copy, another passphrase, a new root', async () => {
  const paper = coded(await place.run(['id', 'export', 'chen', '--paper', '--json']), 0).json.paper_key
  const back = coded(await place.run(['id', 'import', '--paper', '--name', 'again', '--json'], { stdin: paper.toLowerCase() }), 0).json
  assert.equal(back.key, await keyOf('chen'))
  coded(await place.run(['id', 'import', '--paper', '--name', 'again', '--json'], { stdin: paper }), 6)
  assert.equal(
    coded(await place.run(['id', 'import', '--paper', '--name', 'typo', '--json'], { stdin: `${paper.slice(0, -1)}${paper.endsWith('0') ? '4' : '0'}` }), 2).json.code,
    'PAPER_KEY_INVALID',
  )
  const next = join(place.folder, 'next')
  await writeFile(next, 'another passphrase', { mode: 0o600 })
  coded(await place.run(['id', 'passphrase', 'again'], { env: { ICN_NEW_PASSPHRASE_FILE: next } }), 0)
  coded(await place.run(['id', 'export', 'again', '--paper', '--json']), 4)
  const rotated = coded(await as('chen', 'id', 'rotate', '--json'), 0)
  fits('identity.rotate', JSON.parse(rotated.out.trim().split('\n')[0] as string))
  coded(await as('chen', 'coop', 'rename-member', 'food', 'Chen N.'), 0)
  assert.equal((await readdir(join(place.folder, 'keys', 'retired'))).filter((name) => name.endsWith('.key')).length, 1)
})

it('asks for what cannot be undone to be said once more', async () => {
  const refused = coded(await as('ben', 'coop', 'resign', 'food', '-y', '--json'), 2)
  assert.match(refused.err, /--confirm food/)
})

it('needs no node for what it knows itself', async () => {
  const env = { ICN_DATA_DIR: join(place.folder, 'elsewhere'), ICN_ENDPOINT: '127.0.0.1:9' }
  const [list, version, shells] = await Promise.all([
    runProgram(['id', 'list'], env),
    runProgram(['version', '--json'], env),
    Promise.all(['bash', 'zsh', 'fish', 'powershell'].map((shell) => runProgram(['completions', shell], env))),
  ])
  assert.match(list.out, /icnctl id init/)
  assert.deepEqual(version.json, { icnctl: '0.1.0', node: null })
  for (const shell of shells) assert.match(coded(shell, 0).out, /list-members/)
})

it('takes endpoint, identity and cooperative from a profile', async () => {
  await writeFile(join(place.folder, 'profiles.toml'), `[work]\nendpoint = "${place.gateway}"\nas = "ada"\ncoop_id = "food"\n`)
  const ran = coded(await place.run(['--profile', 'work', 'coop', 'get', '--json'], { env: { ICN_ENDPOINT: '' } }), 0)
  assert.equal(ran.json.my.standing, 'member')
  coded(await place.run(['--profile', 'play', 'coop', 'get', '--json']), 2)
})
