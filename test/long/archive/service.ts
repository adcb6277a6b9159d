import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, commandsOf } from '../../integration/walk/blocks.ts';
import { kafka, redis, registry } from '../../services/services.ts';
import type { SimulatorProcess } from '../../simulator/process.ts';
import type { Check } from '../verdict.ts';
import { ARCHIVE, type Machine } from './machine.ts';
import { checkOf, exchangesFor, statusAt, untilLive } from './program.ts';

const PROGRAM = `${ARCHIVE}/kor-coin-stream`;
const UNIT = 'kor-coin-stream';
const ENDS_MS = 60_000;
const LIVE_MS = 60_000;
/** Instead of a minute, so that a process that stands still is seen soon. */
const WATCHDOG_S = 6;

/** `service install` in place, a second time nothing to do, and a unit that systemd accepts. */
export async function installed(machine: Machine): Promise<Check> {
  const first = await machine.run(`${PROGRAM} service install`, ENDS_MS);
  const second = await machine.run(`${PROGRAM} service install`, ENDS_MS);
  const verified = await machine.run(
    `systemd-analyze verify --man=no /etc/systemd/system/${UNIT}.service`,
    ENDS_MS,
  );
  const steps = (said: string): string[] => said.split('\n\n')[0]?.split('\n').filter(Boolean) ?? [];
  const wrong = [
    ...(first.code === 0 ? [] : [`ended with ${first.code}: ${first.said}`]),
    ...steps(second.said).filter((line) => !line.startsWith('in place ')),
    ...(verified.code === 0 && verified.said === '' ? [] : [`systemd-analyze: ${verified.said}`]),
  ];
  return checkOf(
    'service install',
    wrong,
    `${steps(first.said).length} steps, systemd-analyze verify has nothing to say`,
  );
}

/** `service remove --purge` leaves nothing. */
export async function removed(machine: Machine): Promise<Check> {
  const { code, said } = await machine.run(`/usr/local/bin/${UNIT} service remove --purge`, ENDS_MS);
  const left = await machine.run(
    `find /etc /usr/local /var/lib -name '${UNIT}*'; getent passwd ${UNIT}; systemctl is-active --quiet ${UNIT} 2>/dev/null && echo it runs`,
    ENDS_MS,
  );
  const wrong = [
    ...(code === 0 ? [] : [`ended with ${code}: ${said}`]),
    ...left.said.split('\n').filter(Boolean),
  ];
  return checkOf('service remove --purge', wrong, 'nothing is left');
}

/**
 * docs/quick-start.md under a real systemd, from its fourth step on: its streams, and its commands as they stand, with
 * ENV=prod against a broker, a registry and a Redis outside.
 */
export async function started(machine: Machine, simulator: SimulatorProcess): Promise<Check> {
  const page = blocksOf(readFileSync(join(import.meta.dir, '../../../docs/quick-start.md'), 'utf8'));
  const streams = page.find(({ language }) => language === 'yaml')?.text ?? '';
  const commands = page.findLast(({ language }) => language === 'sh')?.text ?? '';
  const [bootstrap, schemas, store] = await Promise.all([kafka(), registry(), redis()]);
  const variables = {
    ...{ KAFKA_BOOTSTRAP_SERVERS: bootstrap, SCHEMA_REGISTRY_URL: schemas, REDIS_URL: store },
    ...{ KAFKA_REPLICATION_FACTOR: '1', HTTP_PORT: `${machine.port}`, ...exchangesFor(simulator, machine) },
  };
  await machine.run(
    `cat >>/etc/${UNIT}/settings.yaml <<'END'\n${streams}END
cat >>/etc/${UNIT}/environment <<'END'\n${lines(variables)}END`,
    ENDS_MS,
  );
  const wrong: string[] = [];
  for (const command of commandsOf(commands.replaceAll('\\\n', ' '))) {
    const here = command.replace(/^sudo /, '').replace(':9464/', `:${machine.port}/`);
    const { code, said } = await machine.run(here, ENDS_MS);
    if (code !== 0 || /\bFAIL\b|^warn/m.test(said)) wrong.push(`${command}\nended with ${code}: ${said}`);
  }
  const liveMs = await untilLive(machine.port, 2, LIVE_MS);
  if (liveMs === null)
    wrong.push(`not live: ${(await machine.run(`journalctl -u ${UNIT} -n 20`, ENDS_MS)).said}`);
  const { said } = await machine.run(
    `systemctl show ${UNIT} -p NRestarts -p StatusText -p ActiveState`,
    ENDS_MS,
  );
  if (!/^NRestarts=0$/m.test(said) || !/^ActiveState=active$/m.test(said)) wrong.push(said);
  return checkOf('the quick start under systemd', wrong, said.trim().replaceAll('\n', ', '));
}

/** A process that stands still is ended by the watchdog and started again; a stop is a clean one. */
export async function watched(machine: Machine): Promise<Check> {
  const script = `mkdir -p /etc/systemd/system/${UNIT}.service.d
printf '[Service]\\nWatchdogSec=${WATCHDOG_S}\\nRestartSec=1\\n' >/etc/systemd/system/${UNIT}.service.d/soon.conf
systemctl daemon-reload && systemctl restart ${UNIT} && systemctl kill -s STOP --kill-who=main ${UNIT}
for i in $(seq 400); do n=$(systemctl show ${UNIT} -P NRestarts); [ "$n" -gt 0 ] && break; sleep 0.1; done
journalctl -u ${UNIT} | grep -o 'Watchdog timeout' | head -n 1
rm -r /etc/systemd/system/${UNIT}.service.d; systemctl daemon-reload`;
  const { said } = await machine.run(script, ENDS_MS);
  const again = await untilLive(machine.port, 2, LIVE_MS);
  const stop = await machine.run(
    `systemctl stop ${UNIT}; systemctl show ${UNIT} -P Result -P ActiveState`,
    ENDS_MS,
  );
  const wrong = [
    ...(said.includes('Watchdog timeout') ? [] : [`the watchdog said nothing: ${said}`]),
    ...(again === null ? ['not live again'] : []),
    ...(/^success$/m.test(stop.said) && /^inactive$/m.test(stop.said) ? [] : [`its stop: ${stop.said}`]),
    ...((await statusAt(machine.port)) === null ? [] : ['it still answers']),
  ];
  return checkOf(
    'watchdog and stop',
    wrong,
    `live again ${again === null ? 'never' : `after ${(again / 1000).toFixed(1)} s`}`,
  );
}

function lines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
