/** The one table of metrics (operating page §4): code counts only into its rows; documents, dashboards and alerts are checked against it. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Label → every value it can have; what is not among them is counted as `other`. */
  readonly labels?: Readonly<Record<string, readonly string[]>>
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[]
  readonly says: string
}

export function defineMetrics<const Rows extends Record<string, MetricRow>>(rows: Rows): Rows {
  return rows
}
