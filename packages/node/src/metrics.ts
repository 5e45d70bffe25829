import type { MetricLabels, MetricName } from '@icn/protocol'
import { type MetricRow, metrics } from '@icn/protocol'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

type Args<Name extends MetricName> = MetricLabels<Name> extends undefined ? [] : [labels: MetricLabels<Name>]

/** Counting, only into rows of the one table. Never throws: a measurement must not stop what it measures. */
export interface Metrics {
  add<Name extends MetricName>(name: Name, by: number, ...labels: Args<Name>): void
  set<Name extends MetricName>(name: Name, value: number, ...labels: Args<Name>): void
  observe<Name extends MetricName>(name: Name, value: number, ...labels: Args<Name>): void
  /** Everything as text: OpenMetrics where it is asked for, else the older form that tools read. */
  text(open: boolean): Promise<{ readonly type: string; readonly body: string }>
}

const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export function openMetrics(options: { readonly version: string; readonly process?: boolean }): Metrics {
  const plain = new Registry()
  const open = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const registers = [plain, open as unknown as Registry]
  const parts = new Map<string, Counter | Gauge | Histogram>()
  for (const [name, row] of Object.entries(metrics) as [MetricName, MetricRow][]) {
    const common = { name, help: row.says, labelNames: Object.keys(row.labels ?? {}), registers }
    // Families begin at zero where they have no labels, so that an alert on an increase sees the first one.
    parts.set(name, row.type === 'counter' ? new Counter(common) : row.type === 'gauge' ? new Gauge(common) : new Histogram({ ...common, buckets: [...(row.buckets ?? [])] }))
  }
  if (options.process !== false) {
    collectDefaultMetrics({ register: plain })
    // Gauges under names that are a counter's: linters and rules would read them wrongly, and the same numbers are there by kind.
    for (const name of misnamed) plain.removeSingleMetric(name)
    // One set of process measurements, shown in both forms.
    for (const metric of plain.getMetricsAsArray())
      if (open.getSingleMetric((metric as unknown as { readonly name: string }).name) === undefined) open.registerMetric(metric as never)
  }
  const closed = (name: MetricName, labels: Readonly<Record<string, string>> | undefined): Record<string, string> => {
    const sets = (metrics[name] as MetricRow).labels ?? {}
    return Object.fromEntries(
      Object.entries(sets).map(([label, values]) => [label, values.length === 0 || values.includes(labels?.[label] ?? '') ? (labels?.[label] ?? 'other') : 'other']),
    )
  }
  const made: Metrics = {
    add: (name, by, ...labels) => (parts.get(name) as Counter).inc(closed(name, labels[0]), by),
    set: (name, value, ...labels) => (parts.get(name) as Gauge).set(closed(name, labels[0]), value),
    observe: (name, value, ...labels) => (parts.get(name) as Histogram).observe(closed(name, labels[0]), value),
    text: async (asked) => (asked ? { type: open.contentType, body: await open.metrics() } : { type: plain.contentType, body: await plain.metrics() }),
  }
  made.set('icn_build_info', 1, { version: options.version })
  return made
}
