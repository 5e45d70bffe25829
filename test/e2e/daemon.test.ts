import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Home, runCode, runDaemon, Running } from './daemon.ts'
import { until } from './harness.ts'

/** The daemon as a process: how it starts, ends, and refuses to start. */

const main = join(import.meta.dirname, '../../apps/icnd/src/main.ts')
const harness = pathToFileURL(join(import.meta.dirname, 'harness.ts')).href

describe('a daemon', () => {
  let home: Home
  before(async () => {
    home = await Home.make()
  })
  after(() => home.dispose())

  it('starts, answers, stops on SIGTERM and ends by itself, whoever is still connected', async () => {
    const { running, rest, rpc, metrics } = await home.open()
    const about = await rest.ask('node.about', {})
    assert.ok(about.ok)
    assert.deepEqual((await rpc.ask('node.about', {})).body, about.body)
    assert.equal((await fetch(`${metrics}/readyz`)).status, 200)
    // Somebody who says nothing and somebody who stopped in the middle of a sentence.
    const { port } = new URL(rest.base)
    const silent = createConnection(Number(port), '127.0.0.1')
    const halfway = createConnection(Number(port), '127.0.0.1', () => halfway.write('POST /v1/coops HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"id'))
    for (const socket of [silent, halfway]) socket.on('error', () => {}).resume()
    await until('both to be connected', () => !silent.connecting && halfway.bytesWritten > 0)
    running.child.kill('SIGTERM')
    assert.deepEqual(await running.end(), { code: 0, signal: null }, running.out + running.errors)
    assert.equal(running.lines.at(-1)?.['event'], 'stopped')
    assert.equal(existsSync(join(home.folder, 'run', 'lock')), false)
  })

  it('stops cleanly when it is told to while it starts', async () => {
    for (const phase of ['config', 'recover', 'actors']) {
      const running = home.run()
      await until(`the phase ${phase} to be done`, () => running.out.includes(`"phase":"${phase}"`), 20_000)
      running.child.kill('SIGTERM')
      assert.deepEqual(await running.end(), { code: 0, signal: null }, running.out + running.errors)
      assert.equal(existsSync(join(home.folder, 'run', 'lock')), false)
    }
  })

  it('told twice waits for nobody, and gives the folder back all the same', async () => {
    const { running, rest } = await home.open()
    // Somebody waits for an answer that will not come.
    void rest.ask('event.page', { long_poll_ms: 30_000 }).catch(() => {})
    running.child.kill('SIGTERM')
    running.child.kill('SIGINT')
    const { code, signal } = await running.end()
    assert.equal(signal, null)
    assert.ok(code === 0 || code === 1)
    assert.equal(existsSync(join(home.folder, 'run', 'lock')), false)
    const { running: next } = await home.open()
    assert.equal(next.out.includes('stopped_without_warning'), false)
    next.child.kill('SIGTERM')
    assert.equal((await next.end()).code, 0)
    assert.equal(next.errors, '')
  })

  it('that keeps nothing needs no passphrase and leaves nothing', async () => {
    const running = runDaemon(['--ephemeral', '--data_dir', join(home.folder, 'none')], {})
    await until('it to be ready', () => running.out.includes('"event":"ready"'), 20_000)
    running.child.kill('SIGTERM')
    assert.deepEqual(await running.end(), { code: 0, signal: null }, running.out + running.errors)
    assert.equal(existsSync(join(home.folder, 'none')), false)
  })

  it('says once that the last run stopped without warning', async () => {
    const first = await home.open()
    first.running.child.kill('SIGKILL')
    await first.running.end()
    for (const expected of [1, 0]) {
      const { running } = await home.open()
      assert.equal(running.lines.filter(({ event }) => event === 'stopped_without_warning').length, expected)
      running.child.kill('SIGINT')
      assert.equal((await running.end()).code, 0)
    }
  })

  it('leaves the folder to the process that holds it, and names that one', async () => {
    const { running, rest } = await home.open()
    const second = home.run()
    assert.equal((await second.end()).code, 5)
    assert.match(second.errors, new RegExp(`process ${running.child.pid}\\b`))
    assert.ok((await rest.ask('node.about', {})).ok, 'the first goes on')
    running.child.kill('SIGTERM')
    assert.equal((await running.end()).code, 0)
  })

  it('without a passphrase says what to run', async () => {
    const locked = home.run({}, {})
    assert.equal((await locked.end()).code, 4)
    assert.match(locked.errors, /run: ICN_PASSPHRASE_FILE=\S.* icnd/)
    assert.equal(locked.errors.includes('    at '), false, 'no stack for what is expected')
  })

  it('with a wrong passphrase opens nothing', async () => {
    const locked = home.run({}, { ICN_PASSPHRASE: 'another one' })
    assert.equal((await locked.end()).code, 4)
    assert.equal(locked.errors.includes('another one'), false)
    assert.equal(locked.errors.includes('    at '), false)
  })

  it('names every fault of its configuration at once', async () => {
    const bad = home.run({ 'gateway.lisen': '127.0.0.1:0', 'supervisor.mailbox_count': '0', 'log.level': 'loud', 'rpc.listen': '0.0.0.0:5601' })
    assert.equal((await bad.end()).code, 2)
    for (const said of [/gateway\.lisen.*did you mean gateway\.listen/, /supervisor\.mailbox_count/, /log\.level/, /rpc\.listen/]) assert.match(bad.errors, said)
  })

  it('opens the ports for other nodes that its options show, and none of them when it keeps nothing', async () => {
    const shown = new Running([main, 'config', 'show', `--data_dir=${home.folder}`])
    assert.equal((await shown.end()).code, 0)
    assert.match(shown.out, /network\.listen_addr +\["\/ip4\/0\.0\.0\.0\/tcp\/7777"\] +default/)
    assert.match(shown.out, /network\.ws_listen_addr +\["\/ip4\/0\.0\.0\.0\/tcp\/7778\/ws"\] +default/)
    const doors = ['gateway.listen', 'rpc.listen', 'metrics.listen']
    const running = new Running([main, '--ephemeral', '--data_dir', join(home.folder, 'none'), ...doors.map((door) => `--${door}=127.0.0.1:0`)])
    await until('it to be ready', () => running.out.includes('"event":"ready"'), 20_000)
    running.child.kill('SIGTERM')
    assert.deepEqual(await running.end(), { code: 0, signal: null }, running.out + running.errors)
    assert.deepEqual(
      running.lines
        .filter(({ event }) => event === 'listening')
        .map(({ name }) => name)
        .sort(),
      ['gateway', 'metrics', 'rpc'],
    )
  })

  const listeners = ['gateway.listen', 'rpc.listen', 'metrics.listen', 'network.listen_addr', 'network.ws_listen_addr']
  for (const option of listeners) {
    it(`names ${option} when its port is in use, before it touches anything`, async (t) => {
      const holder = createServer()
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
      t.after(() => holder.close())
      const { port } = holder.address() as AddressInfo
      rmSync(join(home.folder, 'store'), { recursive: true, force: true })
      const late = home.run({ [option]: `127.0.0.1:${port}` })
      assert.equal((await late.end()).code, 2)
      assert.match(late.errors, new RegExp(`[:/]${port}(/ws)? is in use by another program \\(pid ${process.pid}\\).*--${option}=`))
      for (const other of listeners) if (other !== option) assert.equal(late.errors.includes(other), false)
      assert.equal(existsSync(join(home.folder, 'store')), false, 'nothing was opened')
      assert.equal(existsSync(join(home.folder, 'run', 'lock')), false)
    })
  }
})

describe('a node inside another program', () => {
  it('keeps nothing alive after it was stopped', async () => {
    const program = runCode(`
      const { TestNode, Person } = await import(${JSON.stringify(harness)})
      const node = await TestNode.start()
      const ada = new Person(node, 'ada')
      await ada.read('me.get')
      await node.stop()
      console.log('stopped')
      process.on('exit', () => node.dispose())
    `)
    assert.deepEqual(await program.end(), { code: 0, signal: null }, program.errors)
    assert.equal(program.out, 'stopped\n')
  })

  it('keeps nothing alive when it could not be opened', async (t) => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    t.after(() => holder.close())
    const { port } = holder.address() as AddressInfo
    const program = runCode(`
      const { TestNode } = await import(${JSON.stringify(harness)})
      const node = new TestNode({ flags: { 'gateway.listen': '127.0.0.1:${port}' } })
      await node.open().then(() => console.log('open'), () => console.log('refused'))
      process.on('exit', () => node.dispose())
    `)
    assert.deepEqual(await program.end(), { code: 0, signal: null }, program.errors)
    assert.equal(program.out, 'refused\n')
  })
})
