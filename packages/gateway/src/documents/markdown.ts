import { type CodeRow, codeClasses, codes, events, type MetricRow, methodNames, metrics, rowOf } from '@icn/protocol'

/** Pages for people, printed from the tables; a test fails when the printed ones are stale. */

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const list = (items: readonly string[]): string => (items.length === 0 ? '–' : items.map((item) => `\`${item}\``).join(' '))

export function renderOperations(): string {
  const lines = ['# Operations', '', 'Everything that can be asked of a node. Printed from `packages/protocol/src/operations`; do not edit.', '']
  const areas = [...new Set(methodNames.map((method) => method.slice(0, method.indexOf('.'))))]
  for (const area of areas) {
    lines.push(`## ${area}`, '', '| method | REST | command | access | refusals of its own | |', '|---|---|---|---|---|---|')
    for (const method of methodNames.filter((name) => name.startsWith(`${area}.`))) {
      const row = rowOf(method)
      lines.push(
        `| \`${method}\` | \`${row.rest}\` | ${row.cli === undefined ? '–' : `\`icnctl ${row.cli}\``} | ${row.access.join(', ')} | ${list(row.refuses)} | ${cell(row.says)} |`,
      )
    }
    lines.push('')
  }
  lines.push('## Events', '', '| type | topic | who may see it | |', '|---|---|---|---|')
  for (const [type, row] of Object.entries(events)) lines.push(`| \`icn.${type}\` | \`${row.topic}\` | ${row.sees.join(', ')} | ${cell(row.says)} |`)
  return `${lines.join('\n')}\n`
}

export function renderCodes(): string {
  const lines = [
    '# Codes',
    '',
    'Every refusal and note a node may answer with. A code is never renamed, reused or moved to another class. Printed from `packages/protocol/src/codes`; do not edit.',
    '',
  ]
  for (const [name, kind] of Object.entries(codeClasses)) {
    const rows = (Object.entries(codes) as [string, CodeRow][]).filter(([, row]) => row.class === name).sort(([a], [b]) => (a < b ? -1 : 1))
    if (rows.length === 0) continue
    lines.push(
      `## ${name}`,
      '',
      `HTTP ${kind.http}, JSON-RPC ${kind.rpc === 0 ? 'result' : kind.rpc}, exit ${kind.exit}, try again: ${kind.retry.replaceAll('_', ' ')}.`,
      '',
      '| code | | |',
      '|---|---|---|',
    )
    for (const [code, row] of rows) lines.push(`| \`${code}\`${row.http === undefined ? '' : ` (${row.http})`} | ${cell(row.en)} | ${cell(row.fix?.en ?? '')} |`)
    lines.push('')
  }
  return `${lines.join('\n')}\n`
}

export function renderMetrics(): string {
  const lines = [
    '# Metrics',
    '',
    'Printed from `packages/protocol/src/metrics`; do not edit. Beside these stand the usual `process_*` and `nodejs_*`.',
    '',
    '| name | type | labels | |',
    '|---|---|---|---|',
  ]
  for (const [name, row] of Object.entries(metrics) as [string, MetricRow][]) {
    const labels = Object.entries(row.labels ?? {}).map(([label, values]) => (values.length > 0 && values.length <= 12 ? `${label}: ${values.join(', ')}` : label))
    lines.push(`| \`${name}\` | ${row.type} | ${labels.length === 0 ? '–' : labels.join('; ')} | ${cell(row.says)} |`)
  }
  return `${lines.join('\n')}\n`
}
