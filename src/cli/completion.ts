import { EXCHANGES } from '../../exchanges/index.ts';
import { REQUEST_TYPES } from '../core/market/market.ts';
import { COMMANDS } from './commands.ts';

const NAME = 'kor-coin-stream';

/** The flags of a command, as its usage has them. */
export function flagsOf(usage: string): string[] {
  return [...new Set(usage.match(/--[a-z][a-z-]*/g))].sort();
}

/** What follows a flag, where it is one of few. */
function values(): Record<string, string[]> {
  return { '--exchange': EXCHANGES.map(({ id }) => id), '--type': [...REQUEST_TYPES] };
}

/** Completion for bash: of commands, their flags, exchanges and types. */
export function bashCompletion(): string {
  const cases = COMMANDS.map(({ name, usage }) => `    ${name}) words='${flagsOf(usage).join(' ')}' ;;`);
  const known = Object.entries(values()).map(
    ([flag, words]) => `    ${flag}) COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word")); return ;;`,
  );
  return `# bash completion of ${NAME}; lies in /usr/share/bash-completion/completions/
_kor_coin_stream() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" words=''
  case "$before" in
${known.join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${COMMANDS.map(({ name }) => name).join(' ')}' -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
}
complete -o filenames -F _kor_coin_stream ${NAME}
`;
}

/** The same for zsh. */
export function zshCompletion(): string {
  const quoted = (text: string): string => text.replaceAll("'", '').replaceAll(':', '\\:');
  const commands = COMMANDS.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`);
  const cases = COMMANDS.map(
    ({ name, usage }) => `    ${name}) compadd -- ${flagsOf(usage).join(' ')}; _files ;;`,
  );
  const known = Object.entries(values()).map(
    ([flag, words]) => `    ${flag}) compadd -- ${words.join(' ')}; return ;;`,
  );
  return `#compdef ${NAME}
# zsh completion of ${NAME}; lies in a folder of $fpath
_kor_coin_stream() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case "\${words[CURRENT - 1]}" in
${known.join('\n')}
  esac
  case "\${words[2]}" in
${cases.join('\n')}
  esac
}
_kor_coin_stream "$@"
`;
}
