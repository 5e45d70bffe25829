import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { environmentName, loadConfig } from './load.ts'
import { specs } from './option.ts'
import { renderConfigDocument, renderConfigFile } from './print.ts'

const folder = (t: { after(fn: () => void): void }, toml?: string): string => {
  const path = mkdtempSync(join(tmpdir(), 'icn-config-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  if (toml !== undefined) writeFileSync(join(path, 'icn.toml'), toml)
  return path
}

const load = (dir: string, flags: Record<string, string> = {}, environment: Record<string, string> = {}) =>
  loadConfig({ flags: new Map([['data_dir', dir], ...Object.entries(flags)]), environment })

describe('configuration', () => {
  it('takes a flag before the environment before the file before the default, and says which', (t) => {
    const dir = folder(t, '[journal]\nundo_days = 7\nbatch_ops_max = 64\nrefused_log_count = 2000\n')
    const { config, origins, faults } = load(dir, { 'journal.undo_days': '9' }, { ICN_JOURNAL__UNDO_DAYS: '8', ICN_JOURNAL__BATCH_OPS_MAX: '65' })
    assert.deepEqual(faults, [])
    assert.deepEqual([config['journal.undo_days'], config['journal.batch_ops_max'], config['journal.refused_log_count'], config['events.log_days']], [9, 65, 2000, 30])
    assert.deepEqual(
      [origins['journal.undo_days'], origins['journal.batch_ops_max'], origins['journal.refused_log_count'], origins['events.log_days']],
      ['flag', 'environment', 'file', 'default'],
    )
  })

  it('finds every fault at once, with file and line, and names the nearest known option', (t) => {
    const dir = folder(t, '[gateway]\nlisten = "8080"\nlissten = "x"\n[store]\nmmap_bytes = "12 parsecs"\n')
    const { faults } = load(dir, {}, { ICN_NONSENSE: '1' })
    const text = faults.map(({ where, text }) => `${where} ${text}`).join('\n')
    for (const wanted of [
      /icn\.toml:2 gateway\.listen is an address/,
      /icn\.toml:3 .*did you mean gateway\.listen/,
      /icn\.toml:5 store\.mmap_bytes is a whole number/,
      /ICN_NONSENSE/,
    ])
      assert.match(text, wanted)
  })

  it('refuses doors that would stand open, two doors on one port, and a danger that is not spelt out', (t) => {
    const dir = folder(t)
    const text = (flags: Record<string, string>): string =>
      load(dir, flags)
        .faults.map(({ where, text }) => `${where} ${text}`)
        .join('\n')
    assert.match(text({ 'gateway.listen': '0.0.0.0:8080' }), /gateway\.listen is not loopback/)
    assert.match(text({ 'gateway.listen': '0.0.0.0:8080', 'gateway.insecure_http': 'yes' }), /is one of/)
    assert.equal(text({ 'gateway.listen': '0.0.0.0:8080', 'gateway.insecure_http': 'anyone-on-this-network-can-read-and-change-everything' }), '')
    assert.match(text({ 'rpc.listen': '127.0.0.1:8080' }), /uses port 8080, as gateway\.listen does/)
    assert.match(text({ 'rpc.listen': '192.0.2.1:5601' }), /loopback only/)
    assert.match(text({ 'metrics.listen': '0.0.0.0:9100' }), /token_file/)
  })

  it('reads a share of one where thousandths are meant, and keeps the bounds of snapshots', (t) => {
    const read = (toml: string, flags: Record<string, string> = {}) => load(folder(t, toml), flags)
    for (const [text, value] of [
      ['0.5', 500],
      ['700', 700],
      ['1.0', 1_000],
    ] as const)
      assert.equal(read('', { 'snapshot.min_trust_for_snapshot': text }).config['snapshot.min_trust_for_snapshot'], value)
    assert.equal(read('[snapshot]\nmin_trust_for_snapshot = 0.25\n').config['snapshot.min_trust_for_snapshot'], 250)
    const refused = read('[snapshot]\nmin_trust_for_snapshot = 1.5\nsnapshot_timeout = 5\nmin_participants = 0\nabsence_grace_secs = 1296001\n')
    assert.deepEqual(refused.faults.map(({ text }) => /snapshot\.\w+|at most half/.exec(text)?.[0]).sort(), [
      'at most half',
      'snapshot.min_participants',
      'snapshot.min_trust_for_snapshot',
      'snapshot.snapshot_timeout',
    ])
  })

  it('reads sizes, times and lists as people write them', (t) => {
    const { config, faults } = load(folder(t), { 'store.cache_bytes': '64MiB', 'snapshot.checkpoint_every_secs': '5m', 'gateway.hosts': 'a.example, b.example' })
    assert.deepEqual(faults, [])
    assert.deepEqual([config['store.cache_bytes'], config['snapshot.checkpoint_every_secs'], config['gateway.hosts']], [67_108_864, 300, ['a.example', 'b.example']])
  })

  it('writes a file that changes nothing, and documents every option with its unit', (t) => {
    const dir = folder(t, renderConfigFile())
    const { faults, origins } = load(dir)
    assert.deepEqual(faults, [])
    assert.ok(Object.entries(origins).every(([name, origin]) => origin === 'default' || name === 'data_dir'))
    const document = renderConfigDocument()
    for (const [name, spec] of Object.entries(specs)) {
      assert.ok(document.includes(`\`${name}\``) && document.includes(environmentName(name)), name)
      if (spec.kind === 'int' || spec.kind === 'bytes') assert.ok(spec.unit !== undefined && spec.min !== undefined && spec.max !== undefined, `${name} has no unit or bounds`)
    }
  })

  it('listens for other nodes where nothing was said, nowhere where that was said, and nowhere by itself when nothing is kept', (t) => {
    const dir = folder(t)
    const listens = (flags: Record<string, string>, ephemeral = false): readonly string[] => {
      const { config, faults } = loadConfig({ flags: new Map([['data_dir', dir], ...Object.entries(flags)]), environment: {}, ephemeral })
      return [...config['network.listen_addr'], ...config['network.ws_listen_addr'], ...faults.map(({ where, text }) => `${where} ${text}`)]
    }
    assert.deepEqual(listens({}), ['/ip4/0.0.0.0/tcp/7777', '/ip4/0.0.0.0/tcp/7778/ws'])
    assert.deepEqual(listens({ 'network.listen_addr': '', 'network.ws_listen_addr': '' }), [])
    assert.deepEqual(listens({}, true), [])
    assert.deepEqual(listens({ 'network.listen_addr': '127.0.0.1:7777, [::1]:7777', 'network.ws_listen_addr': '127.0.0.1:80' }, true), [
      '/ip4/127.0.0.1/tcp/7777',
      '/ip6/::1/tcp/7777',
      '/ip4/127.0.0.1/tcp/80/ws',
    ])
    for (const wrong of ['7777', '/ip4/0.0.0.0/udp/7777', '/ip4/0.0.0.0/tcp/77777', '/ip6/0.0.0.0/tcp/7777', 'elm.example:7777'])
      assert.match(listens({ 'network.listen_addr': wrong }).join(), /network\.listen_addr holds .*, which is no address/, wrong)
    assert.match(listens({ 'network.ws_listen_addr': '/ip4/0.0.0.0/tcp/7778' }).join(), /network\.ws_listen_addr holds/)
    assert.match(listens({ 'network.ws_listen_addr': '127.0.0.1:7777' }).join(), /network\.ws_listen_addr uses port 7777, as network\.listen_addr does/)
    assert.match(listens({ 'gateway.listen': '127.0.0.1:7778' }).join(), /network\.ws_listen_addr uses port 7778, as gateway\.listen does/)
  })

  it('has no option that no code reads', () => {
    const sources = readdirSync(join(import.meta.dirname, '..'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('option.ts') && !file.endsWith('print.ts'))
      .map((file) => readFileSync(join(import.meta.dirname, '..', file), 'utf8'))
      .join('\n')
    for (const name of Object.keys(specs)) if (name !== 'data_dir') assert.ok(sources.includes(`'${name}'`), `${name} is read by nobody`)
  })
})
