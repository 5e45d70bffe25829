import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openMetrics } from '@icn/node'
import { countTraffic, measureSpaces } from './replication.ts'

const shown = async (metrics: ReturnType<typeof openMetrics>): Promise<readonly string[]> =>
  (await metrics.text(false)).body.split('\n').filter((line) => /^icn_replication_\S+ [^0]/.test(line))

it('what moves is counted under its name', async () => {
  const metrics = openMetrics({ version: '0', process: false })
  const traffic = countTraffic(metrics)
  traffic.sent(2, 300)
  traffic.received(3, 400)
  traffic.creditWait()
  for (const outcome of ['equal', 'done', 'broken'] as const) traffic.synced(outcome)
  assert.deepEqual((await shown(metrics)).toSorted(), [
    'icn_replication_credit_waits_total 1',
    'icn_replication_received_bytes_total 400',
    'icn_replication_received_operations_total 3',
    'icn_replication_sent_bytes_total 300',
    'icn_replication_sent_operations_total 2',
    'icn_replication_syncs_total{outcome="broken"} 1',
    'icn_replication_syncs_total{outcome="done"} 1',
    'icn_replication_syncs_total{outcome="equal"} 1',
  ])
})

it('the lag is that of the space that has been behind for longest, and is over when nothing is lacking', async () => {
  const metrics = openMetrics({ version: '0', process: false })
  const since = new Map<string, number>([
    ['coop:one', 40_000],
    ['coop:two', 10_000],
  ])
  const journal = { node: 'did:icn:me', read: () => undefined, spaces: () => ['commons', 'coop:one', 'coop:two'].map((space) => ({ space })) } as never
  const network = { sync: (space: string) => (since.has(space) ? { state: 'behind' as const, since: since.get(space) as number } : { state: 'synced' as const }) }
  const measure = (): void => measureSpaces({ journal, metrics, network, now: () => 100_000 })
  measure()
  assert.deepEqual(await shown(metrics), ['icn_replication_lag_seconds 90'])
  since.clear()
  measure()
  assert.deepEqual(await shown(metrics), [])
})
