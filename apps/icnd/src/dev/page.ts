import type { DevNetwork, NodeState } from './network.ts'

/** The page with the buttons; plain, because it is for developers and has nothing to say that a table does not. */

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const button = (label: string, ...order: readonly string[]): string => `<button data-order="${escaped(JSON.stringify(order))}">${escaped(label)}</button>`

function row({ node, name, state, did, gateway, metrics, delay_ms, disk_full, group, log }: NodeState): string {
  const doors = [gateway, metrics === null ? null : `${metrics}/metrics`].filter((one) => one !== null)
  const n = String(node)
  const buttons = [
    state === 'running' ? button('kill', 'kill', n) : button('start', 'start', n),
    delay_ms > 0 ? button('quick again', 'slow', n, '0') : button('slow by 300 ms', 'slow', n, '300ms'),
    disk_full ? button('disk has room', 'disk-full', n, 'off') : button('disk full', 'disk-full', n),
  ]
  return `<tr><td>${n}</td><td>${name}</td><td>${state}</td><td>${group}</td><td>${doors.map((door) => escaped(door)).join('<br>')}</td><td title="${did}">${did.slice(0, 20)}…</td><td>${escaped(log)}</td><td>${buttons.join(' ')}</td></tr>`
}

export function page(network: DevNetwork, controls: Readonly<Record<string, { readonly says: string; readonly args: string }>>): string {
  const steps = ['+1h', '+1d', '+1mo', 'real'].map((step) => button(step, 'clock', step)).join(' ')
  const parts = ['0|1,2', '0,1|2', '0|1|2'].map((groups) => button(groups, 'partition', groups)).join(' ')
  const words = Object.entries(controls)
    .map(([name, { says, args }]) => `<dt>./icn dev ${name} ${escaped(args)}</dt><dd>${escaped(says)}</dd>`)
    .join('')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8"><title>icn development network</title>
<style>body{font:1rem/1.5 system-ui;margin:2rem;max-width:80rem}table{border-collapse:collapse}td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #8886}dt{font-family:monospace}#said{min-height:1.5em}</style>
<h1>Development network</h1>
<p>It is <time>${network.now.toISOString()}</time> here. Clock: ${steps}</p>
<p>Partition: ${parts} ${button('heal', 'heal')} · ${button('reset everything', 'reset')}</p>
<p id="said" role="status"></p>
<table><thead><tr><th>Node<th>Name<th>State<th>Group<th>Doors<th>Identity<th>Log<th>Do</tr></thead><tbody>${network.nodes.map(row).join('')}</tbody></table>
<h2>At the command line</h2><dl>${words}</dl>
<script>
for (const one of document.querySelectorAll('button')) one.addEventListener('click', async () => {
  const [name, ...params] = JSON.parse(one.dataset.order)
  const said = document.getElementById('said')
  said.textContent = name + ' …'
  const answer = await fetch('/rpc', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'dev.' + name, params }) })
  const { error } = await answer.json()
  if (error) said.textContent = error.message
  else location.reload()
})
</script>
</html>
`
}
