import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { type Daemon, Home, nodeAt } from './daemon.ts'
import { didOf, foundCoop, Person } from './harness.ts'

/** A disk that takes no more, as a limit on the size of files shows it to a running daemon. */

const limit = ({ running }: Daemon, bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(running.child.pid), `--fsize=${bytes}:unlimited`])
}
const add = (person: Person, name: string) => person.ask('coop.add_member', { coop_id: 'food', did: didOf(name), name }, { draft: true, key: `add ${name}` })

it('a failed write is told as unknown and read again; twice within a minute ends the daemon, and nothing is lost', async (t) => {
  const home = await Home.make()
  t.after(() => home.dispose())
  // What Node itself writes at its end would meet the limit as well.
  const daemon = await home.open({}, { NODE_DISABLE_COMPILE_CACHE: '1' })
  const ada = new Person(await nodeAt(daemon), 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  const added: string[] = []
  const addNow = async (name: string) => {
    const drafted = await add(ada, name)
    assert.ok(drafted.ok, JSON.stringify(drafted.body))
    const answer = await ada.handIn('coop.add_member', drafted.body)
    if (answer.ok) added.push(name)
    return answer
  }
  await addNow('Ben')

  const log = join(home.folder, 'store', 'icn.sqlite-wal')
  limit(daemon, statSync(log).size)
  const failed = await addNow('Chen')
  assert.deepEqual([failed.code, failed.ok], ['OUTCOME_UNKNOWN', false], JSON.stringify(failed.body))
  assert.equal((await ada.read('coop.get', { coop_id: 'food' })).status, 'active', 'reads go on')

  limit(daemon, 'unlimited')
  const again = await addNow('Dora')
  assert.ok(again.ok, JSON.stringify(again.body))

  limit(daemon, statSync(log).size)
  assert.equal((await addNow('Emil')).ok, false)
  const { code } = await daemon.running.end()
  assert.equal(code, 1)
  assert.ok(
    daemon.running.lines.some(({ event, msg }) => event === 'fatal' && String(msg).includes('journal')),
    daemon.running.out,
  )

  const next = await home.open()
  const found = await new Person(await nodeAt(next), 'Ada').read('coop.list_members', { coop_id: 'food' })
  assert.deepEqual(found.items.map(({ name }: { name: string }) => name).sort(), ['Ada', ...added].sort())
})
