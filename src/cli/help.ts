import { ERRORS, EXIT } from '../common/errors.ts';
import { declared } from '../config/setting.ts';
import { exchangeSchema, settingsSchema } from '../config/settings.ts';
import { readArgs, usage } from './args.ts';
import type { Command } from './command.ts';

/** `help [COMMAND | settings | errors]`. @param commands read when run, as this command is one of them */
export function help(commands: () => readonly Command[]): Command {
  return {
    name: 'help',
    summary: 'this overview, one command, every setting, every error code',
    usage: 'kor-coin-stream help [COMMAND | settings | errors]',
    async run(args) {
      const [topic] = readArgs('help', args, {}, 1).positionals;
      if (topic === undefined) console.log(overview(commands()));
      else if (topic === 'settings') console.log(settingsTable());
      else if (topic === 'errors') console.log(errorsTable());
      else {
        const command = commands().find(({ name }) => name === topic);
        if (!command) throw usage('help', `there is no command ${topic}.`);
        console.log(command.usage);
      }
      return EXIT.ok;
    },
  };
}

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `kor-coin-stream: live market data of crypto exchanges, in one model, in Kafka.\n\nkor-coin-stream COMMAND …\n\n${lines.join('\n')}`;
}

/** Every setting as a Markdown table; docs/settings.md holds the same. */
export function settingsTable(): string {
  const rows = [
    ...declared(settingsSchema),
    ...declared(exchangeSchema).map((one) => ({ ...one, path: `exchanges.ID.${one.path}` })),
  ];
  const lines = rows.map(
    ({ path, type, standard, env = [], help }) =>
      `| \`${path}\` | ${type} | ${standard === '' ? '' : `\`${standard}\``} | ${env.map((name) => `\`${name}\``).join(', ')} | ${help} |`,
  );
  return ['| setting | type | default | environment | meaning |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

/** Every error code as a Markdown table; docs/errors.md holds the same. */
export function errorsTable(): string {
  const lines = Object.entries(ERRORS).map(([code, rule]) => {
    const topics = [rule.toError ? 'ws.error' : '', rule.toDlq ? 'ws.dlq' : ''].filter(
      (topic) => topic !== '',
    );
    const cells = [
      `\`${code}\``,
      rule.domain,
      rule.severity,
      topics.join(', '),
      rule.retryable ? 'yes' : 'no',
    ];
    return `| ${[...cells, rule.exit ?? '', rule.meaning].join(' | ')} |`;
  });
  return [
    '| code | domain | severity | published on | retryable | exit code | meaning |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
