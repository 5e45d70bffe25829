import { fieldsOf, shortFor } from './fields.ts'
import { globalFlags } from './globals.ts'
import { CliRefusal } from './problems.ts'
import { type Leaf, leaves } from './program.ts'

/** Completions are words only: what comes after what. They are made from the table and need no node. */

const flagsOf = (leaf: Leaf): readonly string[] =>
  'method' in leaf
    ? fieldsOf(leaf.method)
        .filter(({ name }) => name !== 'coop_id')
        .map(({ flag }) => `--${flag}`)
        .concat(Object.keys(shortFor[leaf.method] ?? {}).map((flag) => `--${flag}`))
    : (leaf.local.flags ?? []).map(({ flags }) => flags.split(' ')[0] as string)

const globals = globalFlags.map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] as string)

/** What may follow each beginning of a command: the words below it, or its flags. */
function table(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>()
  const add = (start: readonly string[], words: readonly string[]): void => {
    const key = start.join(' ')
    const set = found.get(key) ?? new Set()
    for (const word of words) set.add(word)
    found.set(key, set)
  }
  for (const leaf of leaves()) {
    for (const [index, word] of leaf.path.entries()) add(leaf.path.slice(0, index), [word])
    add(leaf.path, flagsOf(leaf))
  }
  return new Map([...found].map(([key, words]) => [key, [...words]]))
}

const bashCase = ([start, words]: readonly [string, readonly string[]]): string => `    '${start}') words='${words.join(' ')}' ;;`

/** The words typed so far without flags, then a look into the table. */
function bash(): string {
  return `# icnctl completions for bash: source <(icnctl completions bash)
_icnctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} start='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in -*) ;; *) start="\${start:+$start }\${COMP_WORDS[i]}" ;; esac
  done
  case $start in
${[...table()].map(bashCase).join('\n')}
  esac
  case $cur in -*) words="$words ${globals.join(' ')}" ;; esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _icnctl icnctl
`
}

function zsh(): string {
  return `#compdef icnctl
# icnctl completions for zsh: source <(icnctl completions zsh)
autoload -U +X bashcompinit && bashcompinit
${bash()}`
}

function fish(): string {
  const lines = [...table()].flatMap(([start, words]) => {
    const before = start === '' ? [] : start.split(' ')
    const condition = `test (string join ' ' (string match -v -- '-*' (commandline -opc)[2..])) = '${before.join(' ')}'`
    return words.map((word) => (word.startsWith('--') ? `complete -c icnctl -n "${condition}" -l ${word.slice(2)}` : `complete -c icnctl -f -n "${condition}" -a ${word}`))
  })
  return ['# icnctl completions for fish: icnctl completions fish | source', ...globals.map((flag) => `complete -c icnctl -l ${flag.slice(2)}`), ...lines, ''].join('\n')
}

function powershell(): string {
  const rows = [...table()].map(([start, words]) => `    '${start}' = @(${words.map((word) => `'${word}'`).join(', ')})`)
  return `# icnctl completions for PowerShell: icnctl completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName icnctl -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $table = @{
${rows.join('\n')}
  }
  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() } | Where-Object { $_ -notlike '-*' })
  if ($wordToComplete -ne '' -and $typed.Count -gt 0) { $typed = @($typed | Select-Object -SkipLast 1) }
  @($table[($typed -join ' ')]) + @(${globals.map((flag) => `'${flag}'`).join(', ')}) | Where-Object { $_ -like "$wordToComplete*" }
}
`
}

const shells: Readonly<Record<string, () => string>> = { bash, zsh, fish, powershell }

export function completions(shell: string): string {
  const render = shells[shell]
  if (render === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: shell, field: 'SHELL', reason: Object.keys(shells).join(', ') })
  return render()
}
