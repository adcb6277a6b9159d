import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { lookUpSchemas, preflight, registerSchemas, schemaStatus } from '../../src/infra/avro/preflight.ts';
import { type Registry, registryClient } from '../../src/infra/avro/registry.ts';
import { SCHEMA_FILES } from '../../src/infra/avro/schemas.ts';
import { openKafka } from '../../src/infra/kafka/client/open-kafka.ts';
import { avroFamilies } from '../../src/infra/kafka/topics/topics.ts';
import { startRegistry } from '../services/registry.ts';
import { kafka } from '../services/services.ts';
import { deps, settings } from './messaging-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** A registry of the test's own, empty. */
async function withRegistry(test: (registry: Registry, url: string) => Promise<void>): Promise<void> {
  const server = await startRegistry();
  try {
    await test(registryClient({ url: server.url }), server.url);
  } finally {
    await server.discard();
  }
}

async function levelOf(url: string, subject: string): Promise<unknown> {
  const response = await fetch(`${url}/config/${subject}`);
  return ((await response.json()) as { compatibilityLevel?: string }).compatibilityLevel;
}

const OLD_TRADE = JSON.stringify({
  type: 'record',
  name: 'TradeBatch',
  namespace: 'kor_coin_stream',
  fields: [{ name: 'ticket_id', type: 'int' }],
});

/** What messages carry. A registry that is asked by many at once may give one schema several versions, under one id. */
function idsOf(schemas: Awaited<ReturnType<typeof preflight>>): [family: string, id: number][] {
  return [...schemas].map(([family, { id }]) => [family, id]);
}

describe('schemas in the registry', () => {
  test('missing with register off is fatal; registering makes them, once, at BACKWARD_TRANSITIVE', () =>
    withRegistry(async (registry, url) => {
      await expect(lookUpSchemas(registry)).rejects.toMatchObject({
        code: 'schema_missing',
        subject: 'ticker-data-value (schemas/ticker_batch.avsc)',
        remedy: expect.stringContaining('kor-coin-stream schemas register'),
      });
      expect((await schemaStatus(registry)).every((status) => status.registered === null)).toBe(true);
      const first = await registerSchemas(registry);
      expect((await registry.subjects()).sort()).toEqual(
        avroFamilies()
          .map(({ family }) => `${family}-value`)
          .sort(),
      );
      expect([...first.values()].map(({ version }) => version)).toEqual(avroFamilies().map(() => 1));
      expect(await levelOf(url, 'trade-data-value')).toBe('BACKWARD_TRANSITIVE');
      expect(await registerSchemas(registry)).toEqual(first);
      expect(await lookUpSchemas(registry)).toEqual(first);
      const id = first.get('trade-data')?.id ?? -1;
      expect(JSON.parse((await registry.byId(id)) ?? '')).toEqual(
        JSON.parse(SCHEMA_FILES['trade_batch.avsc']),
      );
    }));

  test('of several collectors that start together at an empty registry each gets the same schemas', () =>
    withRegistry(async (registry, url) => {
      const options = { register: true, startupTimeoutMs: 30_000 };
      const starts = Array.from({ length: 6 }, () =>
        preflight(registryClient({ url }), options, deps.clock, deps.log),
      );
      const [first = [], ...others] = (await Promise.all(starts)).map(idsOf);
      for (const other of others) expect(other).toEqual(first);
      expect((await registry.subjects()).length).toBe(avroFamilies().length);
    }));

  test('a path at which there is no registry is a configuration error', () =>
    withRegistry(async (_, url) => {
      const wrong = registryClient({ url: url.replace('/apis/ccompat/v7', '/apis/nothing') });
      for (const attempt of [registerSchemas, lookUpSchemas])
        await expect(attempt(wrong)).rejects.toMatchObject({
          code: 'config_invalid',
          subject: 'schema_registry.url',
        });
    }));

  test('an incompatible one is named with its file, and nothing at all is registered', () =>
    withRegistry(async (registry) => {
      await registry.register('trade-data-value', OLD_TRADE);
      await registry.setCompatibility('trade-data-value', 'BACKWARD');
      for (const attempt of [registerSchemas, lookUpSchemas])
        await expect(attempt(registry)).rejects.toMatchObject({
          code: 'schema_incompatible',
          subject: 'trade-data-value (schemas/trade_batch.avsc)',
        });
      expect(await registry.subjects()).toEqual(['trade-data-value']);
    }));

  test('an older compatible version is followed; its own compatibility level stays', () =>
    withRegistry(async (registry, url) => {
      const older = JSON.parse(SCHEMA_FILES['quality_metrics.avsc']);
      const items = older.fields.at(-1).type.fields.find(({ name }: { name: string }) => name === 'items');
      items.type.items.fields = items.type.items.fields.filter(
        ({ name }: { name: string }) => !name.includes('exchange_latency'),
      );
      await registry.register('ws.metrics.quality-value', JSON.stringify(older));
      await registry.setCompatibility('ws.metrics.quality-value', 'BACKWARD');
      const registered = await registerSchemas(registry);
      expect(registered.get('ws.metrics.quality')?.version).toBe(2);
      expect(await levelOf(url, 'ws.metrics.quality-value')).toBe('BACKWARD');
    }));

  test('a registry that comes up late is waited for; one that does not is a fault after the time', async () => {
    const server = await startRegistry();
    const registry = registryClient({ url: server.url });
    await server.stop();
    const options = { register: true, startupTimeoutMs: 60_000 };
    const waiting = preflight(registry, options, deps.clock, deps.log);
    await Bun.sleep(1_200);
    await server.restart();
    expect((await waiting).size).toBe(avroFamilies().length);
    await server.discard();
    const began = Date.now();
    const late = preflight(registry, { ...options, startupTimeoutMs: 1_000 }, deps.clock, deps.log);
    await expect(late).rejects.toMatchObject({ code: 'registry_unavailable', subject: server.url });
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describe('brokers at the start', () => {
  test('not there: one fault after the time, with the address', async () => {
    const opening = openKafka(settings('127.0.0.1:9', { startupTimeoutMs: 700 }), deps);
    await expect(opening).rejects.toMatchObject({ code: 'broker_unavailable', subject: '127.0.0.1:9' });
  });

  test('topics missing that may not be created: the fault names one and the command that helps', async () => {
    const bootstrap = await kafka();
    const locked = { create: false, partitions: 1, replication: 1 };
    const opening = openKafka(settings(bootstrap, { regions: ['asia'], topics: locked }), deps);
    await expect(opening).rejects.toMatchObject({
      code: 'topic_missing',
      subject: 'ticker-data.asia',
      remedy: expect.stringContaining('kor-coin-stream topics'),
    });
  });

  test('an option that librdkafka does not know is a configuration error', async () => {
    const opening = openKafka(settings('127.0.0.1:9', { options: { 'no.such.option': 1 } }), deps);
    await expect(opening).rejects.toMatchObject({ code: 'config_invalid', subject: 'kafka.options' });
  });
});
