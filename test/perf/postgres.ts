import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { scratchFolder } from './lib.ts'

/** A double-entry ledger in PostgreSQL with row locks and fsync, driven by its own pgbench: the peer of the transfer row. */
export async function postgresTransfers(callers: number, transactions: number): Promise<{ readonly rate: number; readonly absent?: string }> {
  const folder = scratchFolder()
  const tool = (name: string): string | undefined =>
    [...globSync(`/usr/lib/postgresql/*/bin/${name}`), `/usr/bin/${name}`, `/usr/local/bin/${name}`].find((path) => existsSync(path))
  const [initdb, postgres, pgbench, psql] = ['initdb', 'postgres', 'pgbench', 'psql'].map(tool)
  if (initdb === undefined || postgres === undefined || pgbench === undefined || psql === undefined) return { rate: 0, absent: 'PostgreSQL with pgbench is not installed' }
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? 'nobody' : undefined
  const as = (command: string): string[] => (user === undefined ? ['sh', '-c', command] : ['setpriv', '--reuid', user, '--regid', 'nogroup', '--clear-groups', 'sh', '-c', command])
  const call = (command: string): { status: number | null; out: string } => {
    const [program, ...args] = as(command)
    const { status, stdout, stderr } = spawnSync(program as string, args, { encoding: 'utf8', env: { ...process.env, HOME: folder.path } })
    return { status, out: `${stdout}${stderr}` }
  }
  chmodSync(folder.path, 0o777)
  const data = join(folder.path, 'data')
  const made = call(`'${initdb}' -D '${data}' -A trust -U bench --no-sync`)
  if (made.status !== 0) return { rate: 0, absent: `initdb failed: ${made.out.split('\n').at(-2)}` }
  const [program, ...args] = as(`exec '${postgres}' -D '${data}' -k '${folder.path}' -c listen_addresses= -c fsync=on -c synchronous_commit=on -c max_connections=100`)
  const server = spawn(program as string, args, { stdio: 'ignore' })
  try {
    const connect = `-h '${folder.path}' -U bench`
    const deadline = Date.now() + 20_000
    while (call(`'${psql}' ${connect} -d postgres -c 'select 1'`).status !== 0) {
      if (Date.now() > deadline) return { rate: 0, absent: 'the server did not start' }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const schema = `create table account (id int primary key, balance bigint not null); create table entry (id bigserial primary key, payer int not null, payee int not null, amount bigint not null, memo text, at timestamptz default now()); insert into account select i, 1000 from generate_series(0, 1999) i;`
    call(`'${psql}' ${connect} -d postgres -c "${schema}"`)
    const script = join(folder.path, 'transfer.sql')
    const sql =
      '\\set payer random(0, 999)\n\\set payee random(1000, 1999)\nbegin;\nselect balance from account where id in (:payer, :payee) order by id for update;\nupdate account set balance = balance - 1 where id = :payer;\nupdate account set balance = balance + 1 where id = :payee;\ninsert into entry (payer, payee, amount) values (:payer, :payee, 1);\ncommit;\n'
    spawnSync('sh', ['-c', `cat > '${script}'`], { input: sql })
    const ran = call(`'${pgbench}' ${connect} -n -M prepared -c ${callers} -j 2 -t ${Math.ceil(transactions / callers)} -f '${script}' postgres`)
    const rate = /tps = ([\d.]+)/.exec(ran.out)?.[1]
    return rate === undefined ? { rate: 0, absent: `pgbench failed: ${ran.out.split('\n').at(-2)}` } : { rate: Number(rate) }
  } finally {
    server.kill('SIGINT')
    await new Promise((resolve) => server.once('exit', resolve))
    folder.remove()
  }
}
