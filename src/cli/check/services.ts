import { EXCHANGES } from '../../../exchanges/index.ts';
import { systemClock } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import { createLog } from '../../common/log.ts';
import type { Drivers } from '../../config/drivers.ts';
import { enabledExchanges } from '../../config/exchange-parts.ts';
import { openMessaging, registrySettings } from '../../config/messaging.ts';
import type { Settings } from '../../config/settings.ts';
import { openStore } from '../../config/state.ts';
import { REGIONS } from '../../core/market/market.ts';
import { demandUsable, schemaStatus } from '../../infra/avro/preflight.ts';
import { registryClient } from '../../infra/avro/registry.ts';
import type { Look } from './look.ts';

/** The services that the settings name. */
export function serviceLooks(settings: Settings, drivers: Drivers): Look[] {
  const looks: Look[] = [];
  const registry = registrySettings(settings, drivers);
  if (registry) {
    looks.push({
      name: 'schemas',
      async look() {
        const client = registryClient(registry);
        const all = await schemaStatus(client);
        demandUsable(all, registry.register);
        const missing = all.filter((one) => one.registered === null).map(({ subject }) => subject);
        if (missing.length === 0) return `${all.length} registered`;
        if (await client.readOnly()) throw readOnly(missing);
        return `a start registers what is missing: ${missing.join(', ')}`;
      },
    });
  }
  if (drivers.messaging === 'kafka')
    looks.push({ name: 'broker', look: () => lookAtBroker(settings, drivers) });
  if (drivers.state === 'redis') looks.push({ name: 'Redis', look: () => lookAtRedis(settings, drivers) });
  return looks;
}

function readOnly(missing: readonly string[]): Fault {
  return new Fault(
    'registry_unavailable',
    missing.join(', '),
    'Not registered, and the schema registry is in read-only mode.',
    'Set its mode to READWRITE, or register them elsewhere.',
  );
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
        everyBroker: true,
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
