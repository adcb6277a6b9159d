import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXCHANGES } from '../../exchanges/index.ts';
import { systemClock } from '../common/clock.ts';
import { describe, EXIT, type ExitCode, exitCodeOf, Fault, messageOf } from '../common/errors.ts';
import { createLog, maskText } from '../common/log.ts';
import { chooseDrivers, type Drivers, whereTo } from '../config/drivers.ts';
import { enabledExchanges } from '../config/exchange-parts.ts';
import { openMessaging, registrySettings } from '../config/messaging.ts';
import type { Settings } from '../config/settings.ts';
import { openStore } from '../config/state.ts';
import { REGIONS } from '../core/market/market.ts';
import { demandUsable, schemaStatus } from '../infra/avro/preflight.ts';
import { registryClient } from '../infra/avro/registry.ts';
import { kafkaOrFault } from '../infra/kafka/client-options.ts';
import { readArgs } from './args.ts';
import type { Command } from './command.ts';
import { doubtsOf, SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';

/** `check` */
export const check: Command = {
  name: 'check',
  summary: 'settings, TMPDIR, addon, schemas, broker, Redis: is everything there?',
  usage: `kor-coin-stream check [--config DIR] [--set PATH=VALUE]…

Looks at everything a start needs and changes nothing. One line each; the exit code is that of the first failure.

${SETTINGS_USAGE}`,
  async run(args) {
    const read = readArgs('check', args, SETTINGS_FLAGS);
    const settings = settingsOf(read);
    const drivers = chooseDrivers(settings);
    console.log(`ok    settings: ${maskText(whereTo(settings, drivers))}`);
    for (const doubt of doubtsOf(read)) console.log(`warn  settings: ${doubt}`);
    let worst: ExitCode = EXIT.ok;
    for (const { name, look } of looks(settings, drivers)) {
      try {
        console.log(`ok    ${name}: ${await look()}`);
      } catch (error) {
        console.log(`FAIL  ${name}: ${maskText(describe(error))}`);
        if (worst === EXIT.ok) worst = exitCodeOf(error);
      }
    }
    return worst;
  },
};

interface Look {
  readonly name: string;
  /** What was found; throws what is wrong. */
  look(): Promise<string>;
}

function looks(settings: Settings, drivers: Drivers): Look[] {
  const found: Look[] = [
    { name: 'TMPDIR', look: executableTmp },
    { name: 'Kafka addon', look: async () => `librdkafka ${kafkaOrFault().librdkafkaVersion}` },
  ];
  const registry = registrySettings(settings, drivers);
  if (registry) {
    found.push({
      name: 'schemas',
      async look() {
        const all = await schemaStatus(registryClient(registry));
        demandUsable(all, registry.register);
        const missing = all.filter((one) => one.registered === null).map(({ subject }) => subject);
        return missing.length === 0
          ? `${all.length} registered`
          : `a start registers what is missing: ${missing.join(', ')}`;
      },
    });
  }
  if (drivers.messaging === 'kafka')
    found.push({ name: 'broker', look: () => lookAtBroker(settings, drivers) });
  if (drivers.state === 'redis') found.push({ name: 'Redis', look: () => lookAtRedis(settings, drivers) });
  return found;
}

/** The binary unpacks its addon there, so files must be writable and runnable. @throws Fault addon_unavailable */
async function executableTmp(): Promise<string> {
  const folder = tmpdir();
  let made: string | null = null;
  try {
    made = await mkdtemp(join(folder, 'kcs-check-'));
    const script = join(made, 'run.sh');
    await writeFile(script, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    const { exitCode } = Bun.spawnSync([script]);
    if (exitCode !== 0) throw new Error('files there cannot be run');
    return `${folder} is writable and executable`;
  } catch (error) {
    throw new Fault(
      'addon_unavailable',
      folder,
      messageOf(error),
      'Set TMPDIR to a writable folder that is not mounted noexec, as in: TMPDIR=/var/tmp kor-coin-stream run',
      error,
    );
  } finally {
    if (made !== null) await rm(made, { recursive: true, force: true });
  }
}

async function lookAtBroker(settings: Settings, drivers: Drivers): Promise<string> {
  const { bootstrap_servers, create_topics } = settings.kafka;
  const exchanges = enabledExchanges(EXCHANGES, settings);
  try {
    const messaging = await openMessaging(
      { ...settings, kafka: { ...settings.kafka, create_topics: false } },
      { ...drivers, useAvro: false },
      {
        clock: systemClock,
        log: createLog('silent', false),
        regions: REGIONS.filter((region) => exchanges.some((exchange) => exchange.region === region)),
      },
    );
    await messaging.close();
    return `${bootstrap_servers} answers and has every topic`;
  } catch (error) {
    if (!create_topics || !(error instanceof Fault) || error.code !== 'topic_missing') throw error;
    return `${bootstrap_servers} answers; ${error.subject} and others are missing, which a start creates where it may`;
  }
}

async function lookAtRedis(settings: Settings, drivers: Drivers): Promise<string> {
  const store = openStore(settings, drivers, systemClock);
  try {
    await store.start(settings.startup.timeout_ms);
    return 'answers';
  } finally {
    await store.stop();
  }
}
