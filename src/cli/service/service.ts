import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { EXIT, Fault, messageOf } from '../../common/errors.ts';
import { didYouMean } from '../../common/nearest.ts';
import { readArgs, usage } from '../args.ts';
import type { Command } from '../command.ts';
import { removeSteps } from './remove.ts';
import { installSteps, NAME, type Place, SETTINGS, STATE, type Step } from './steps.ts';

/** `service` */
export const service: Command = {
  name: 'service',
  summary: 'install or remove the systemd service on this machine',
  usage: `kor-coin-stream service install [--root DIR]
kor-coin-stream service remove [--purge] [--root DIR]

install   puts binary, user, settings, state folder and unit in place and says what it did; a second time it does
          nothing but bring binary and unit up to date. It starts nothing. Settings that are there stay as they are.
remove    stops the service and takes unit and binary away. Settings, state and user stay.
--purge   takes those as well
--root DIR  puts the files below DIR, for the making of images: no user, and systemd is not told`,
  async run(args) {
    const read = readArgs('service', args, { root: 'string', purge: 'boolean' }, 1);
    const [action] = read.positionals;
    const place = placeOf(read.value('root') ?? '');
    if (action === 'install') {
      demandBinary(place);
      take(installSteps(place), 'in place');
      console.log(next(place));
      return EXIT.ok;
    }
    if (action === 'remove') {
      take(removeSteps(place, read.has('purge')), 'not there');
      if (!read.has('purge'))
        console.log(`${'kept'.padEnd(18)} ${SETTINGS}, ${STATE}, user ${NAME}: --purge takes them as well`);
      return EXIT.ok;
    }
    const meant = didYouMean(action ?? '', ['install', 'remove']);
    throw usage('service', `${action ?? 'nothing'} is no action; there are install and remove.${meant}`);
  },
};

/** @param nothing the word for a step that had nothing to do */
function take(steps: readonly Step[], nothing: string): void {
  for (const { what, ensure } of steps) {
    try {
      console.log(`${(ensure() ?? nothing).padEnd(18)} ${what}`);
    } catch (error) {
      const remedy = process.getuid?.() === 0 ? 'Mend that, then try again.' : 'Run it as root: sudo.';
      throw new Fault('install_failed', what, messageOf(error), remedy, error);
    }
  }
}

function placeOf(root: string): Place {
  return {
    root: root === '/' ? '' : root,
    executable: process.execPath,
    systemd: existsSync('/run/systemd/system'),
    run: (argv) => {
      const { exitCode, stderr } = Bun.spawnSync([...argv], { stdout: 'ignore' });
      if (exitCode !== 0 && argv[0] !== 'getent') process.stderr.write(stderr);
      return exitCode;
    },
  };
}

/** @throws Fault usage where this is not the binary */
function demandBinary({ executable }: Place): void {
  if (basename(executable).startsWith(NAME)) return;
  throw usage(
    'service',
    'The service runs the binary, and this is a checkout. Make it with `bun run build`, then run dist/kor-coin-stream.',
  );
}

function next({ systemd }: Place): string {
  const start = systemd
    ? `systemctl enable --now ${NAME}`
    : `systemctl enable --now ${NAME}   (systemd does not run here)`;
  return [
    '',
    'next:',
    `  edit ${SETTINGS}/environment: brokers, registry, Redis; ${SETTINGS}/settings.yaml: streams`,
    `  ${start}`,
    `  journalctl -fu ${NAME}`,
  ].join('\n');
}
