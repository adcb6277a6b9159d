import { describe, EXIT, type ExitCode, exitCodeOf } from '../../common/errors.ts';
import { escapeControls, maskText } from '../../common/log-text.ts';
import { chooseDrivers, whereTo } from '../../config/drivers.ts';
import { readArgs, usage } from '../args.ts';
import type { Command } from '../command.ts';
import { doubtsOf, SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from '../settings-flags.ts';
import { exchangeLooks } from './exchanges.ts';
import { checkLive, LIVE_FLAGS } from './live/live.ts';
import { machineLooks } from './machine.ts';
import { outboxLooks } from './outbox.ts';
import { serviceLooks } from './services.ts';

/** `check` */
export const check: Command = {
  name: 'check',
  summary: 'settings, machine, schemas, broker, Redis, exchanges: is everything there?',
  usage: `kor-coin-stream check [--no-exchanges] [--config DIR] [--set PATH=VALUE]…
       kor-coin-stream check --live [--exchange ID,…] [--type TYPE,…] [--seconds N] [--json] [--frames DIR] …

Looks at everything a start needs and changes nothing. One line each, "warn" for what hinders no start; the exit code is
that of the first failure. An exchange that cannot be reached is a failure where a stream of the settings needs it.

--no-exchanges     asks no exchange
--live             whether the exchanges are still what this build takes them for: reads a few busy codes of each for a
                   while and holds them against the REST interfaces: frames that cannot be read, keys that are new, ids,
                   prices, sides, books, clocks. Its report holds no secret: send it when an exchange has changed. Nothing
                   is written to Kafka
--exchange ID,…    these alone
--type TYPE,…      these alone
--seconds N        how long frames are read; 60 unless given
--json             the report as one JSON object
--frames DIR       writes the frames of streams with a finding there, as replay reads them, and what REST answered
${SETTINGS_USAGE}

Exit codes of --live: 0 where everything is as it should be, 1 where something is not, 69 where nothing could be reached.`,
  async run(args) {
    const read = readArgs('check', args, { ...SETTINGS_FLAGS, ...LIVE_FLAGS, 'no-exchanges': 'boolean' });
    if (read.has('live')) {
      if (read.has('no-exchanges')) throw usage('check', '--live and --no-exchanges exclude each other.');
      return checkLive(read);
    }
    const stray = Object.keys(LIVE_FLAGS).find((name) => read.has(name));
    if (stray !== undefined) throw usage('check', `--${stray} goes with --live.`);
    const settings = settingsOf(read);
    const drivers = chooseDrivers(settings);
    say('ok', 'settings', whereTo(settings, drivers));
    for (const doubt of doubtsOf(read)) say('warn', 'settings', doubt);
    let worst: ExitCode = EXIT.ok;
    const remedies = new Set<string>();
    const exchanges = read.has('no-exchanges') ? [] : exchangeLooks(settings);
    for (const { name, look } of [
      ...machineLooks(settings),
      ...outboxLooks(settings),
      ...serviceLooks(settings, drivers),
      ...exchanges,
    ]) {
      try {
        const found = await look();
        if (typeof found === 'string') say('ok', name, found);
        else {
          const { words, remedy, doubtful } = found;
          const more = remedy === undefined || remedies.has(remedy) ? '' : ` ${remedy}`;
          if (remedy !== undefined) remedies.add(remedy);
          say(doubtful ? 'warn' : 'ok', name, words + more);
        }
      } catch (error) {
        say('FAIL', name, describe(error));
        if (worst === EXIT.ok) worst = exitCodeOf(error);
      }
    }
    return worst;
  },
};

function say(how: 'ok' | 'warn' | 'FAIL', name: string, words: string): void {
  console.log(`${how.padEnd(5)} ${name}: ${escapeControls(maskText(words))}`);
}
