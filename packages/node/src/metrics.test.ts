import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MetricRow, metrics as rows } from '@icn/protocol'
import { openMetrics } from './metrics.ts'

test('names, units and label sets follow the rules', () => {
  for (const [name, row] of Object.entries(rows) as [string, MetricRow][]) {
    assert.match(name, /^icn_[a-z][a-z0-9_]*$/, name)
    assert.equal(row.type === 'counter', name.endsWith('_total'), name)
    assert.ok(row.says.endsWith('.'), name)
    const series = Object.entries(row.labels ?? {}).reduce(
      (product, [, values]) => product * Math.max(values.length, 1),
      row.type === 'histogram' ? (row.buckets?.length ?? 0) + 3 : 1,
    )
    // A product of methods and classes is never reached: a row answers with few classes.
    if (!('class' in (row.labels ?? {}) && 'method' in (row.labels ?? {}))) assert.ok(series <= 500, `${name}: ${series}`)
  }
})

test('counts into rows only, and what a label does not know is other', async () => {
  const metrics = openMetrics({ version: '0.1.0' })
  metrics.add('icn_journal_malformed_total', 2, { reason: 'schema' })
  metrics.add('icn_journal_malformed_total', 1, { reason: 'a name from the network' })
  metrics.observe('icn_store_commit_duration_seconds', 0.004)
  const plain = (await metrics.text(false)).body
  assert.match(plain, /icn_journal_malformed_total\{reason="schema"\} 2/)
  assert.match(plain, /icn_journal_malformed_total\{reason="other"\} 1/)
  assert.match(plain, /icn_build_info\{version="0.1.0"\} 1/)
  assert.match(plain, /process_cpu_seconds_total/)
  const open = await metrics.text(true)
  assert.match(open.type, /openmetrics/)
  assert.match(open.body, /icn_journal_malformed_total\{reason="schema"\} 2/)
  assert.match(open.body, /# EOF\s*$/)
})
