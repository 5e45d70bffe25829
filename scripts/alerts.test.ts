import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type MetricRow, metrics } from '@icn/protocol'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'examples/compose/prometheus')
const promtool = (...args: readonly string[]) => spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' })
// It is part of every CI run.
const skip = promtool('--version').error === undefined || process.env['CI'] === 'true' ? false : 'promtool is not here (Debian: apt-get install prometheus)'

/** Each alert with its lines. */
const alerts = readFileSync(join(folder, 'icn.rules.yml'), 'utf8')
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: text.slice(0, text.indexOf('\n')), text }))

/** Names that a family has in the text that Prometheus reads. */
const families = new Set(
  Object.entries(metrics).flatMap(([name, row]: readonly [string, MetricRow]) => (row.type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])),
)

describe('alerts', () => {
  it('are rules, and come and go as their examples say', { skip }, () => {
    for (const args of [
      ['check', 'rules', 'icn.rules.yml'],
      ['test', 'rules', 'icn.rules.test.yml'],
    ]) {
      const { status, stdout, stderr } = promtool(...args)
      assert.equal(status, 0, stdout + stderr)
    }
  })

  it('ask for measures that are taken', () => {
    assert.ok(alerts.length > 0)
    for (const { name, text } of alerts) for (const [used] of text.matchAll(/\bicn_\w+/g)) assert.ok(families.has(used), `${name} asks for ${used}, which nobody measures`)
  })

  it('say what is the matter, what it means for members, what to do first, and where the guide says more', () => {
    const guide = readFileSync(join(root, 'docs/guide/operator.md'), 'utf8')
    const tried = readFileSync(join(folder, 'icn.rules.test.yml'), 'utf8')
    for (const { name, text } of alerts) {
      for (const part of ['summary', 'members', 'first_step']) assert.match(text, new RegExp(`^ {10}${part}: .{20}`, 'm'), `${name} has no ${part}`)
      assert.ok(text.includes(`guide: docs/guide/operator.md#${name.toLowerCase()}\n`), `${name} leads to no section`)
      assert.ok(guide.includes(`\n### ${name}\n`), `the guide says nothing of ${name}`)
      assert.ok(tried.includes(`alertname: ${name}\n`), `${name} has no example`)
    }
  })
})
