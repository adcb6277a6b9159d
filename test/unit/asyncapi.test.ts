import { beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { version } from '../../package.json';
import { Backpressure } from '../../src/application/metrics/backpressure.ts';
import { BatchPerformance } from '../../src/application/metrics/batch-performance.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { Reporter } from '../../src/application/reporting/reporter.ts';
import { ERRORS, Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { ACTIONS } from '../../src/core/commands/command.ts';
import { commandShape } from '../../src/core/commands/shape.ts';
import { GAP_CAUSES } from '../../src/core/events.ts';
import { REGIONS } from '../../src/core/market/market.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { Message } from '../../src/core/ports.ts';
import { TOPIC_FAMILIES, TOPICS, type TopicFamily } from '../../src/infra/kafka/topics/topics.ts';
import { ManualClock } from './manual-clock.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';

interface Channel {
  readonly address: string;
  readonly messages: Record<string, { readonly $ref: string }>;
}
interface Described {
  readonly contentType: string;
  readonly payload: { readonly $ref?: string; readonly schema?: { readonly $ref: string } };
  readonly bindings: { readonly kafka: { readonly key: { readonly description: string } } };
}
type Json = Record<string, unknown>;

const DOCS = join(import.meta.dir, '../../docs');
// biome-ignore lint/suspicious/noExplicitAny: a document is looked into everywhere
const document: any = parse(readFileSync(join(DOCS, 'asyncapi.yaml'), 'utf8'));
const channels = Object.values(document.channels as Record<string, Channel>);

function channelOf(family: TopicFamily): Channel {
  const address = TOPICS[family].regional ? `${family}.{region}` : family;
  const found = channels.find((channel) => channel.address === address);
  if (!found) throw new Error(`the document has no ${address}`);
  return found;
}

function at(reference: string): unknown {
  return reference
    .replace('#/', '')
    .split('/')
    .reduce((value: unknown, key) => (value as Json)[key], document);
}

function messageOf(family: TopicFamily): Described {
  const [only] = Object.values(channelOf(family).messages);
  return at(only?.$ref ?? '') as Described;
}

/** A schema of the document with its references resolved, as something that judges values. */
function judge(reference: string): z.ZodType {
  return z.fromJSONSchema(resolved(at(reference)) as Parameters<typeof z.fromJSONSchema>[0]);
}

function resolved(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(resolved);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref } = schema as { $ref?: string };
  if ($ref) return resolved(at($ref));
  return Object.fromEntries(Object.entries(schema).map(([key, inner]) => [key, resolved(inner)]));
}

test('the document has every topic, and no other', () => {
  expect(document.asyncapi).toBe('3.0.0');
  expect(document.info.version).toBe(version);
  expect(document.components.parameters.region.enum).toEqual([...REGIONS]);
  expect(channels).toHaveLength(TOPIC_FAMILIES.length);
  const operations = Object.values(
    document.operations as Record<string, { action: string; channel: { $ref: string } }>,
  );
  expect(operations).toHaveLength(TOPIC_FAMILIES.length);
  for (const family of TOPIC_FAMILIES) {
    const { key, schema, access } = TOPICS[family];
    const { contentType, payload, bindings } = messageOf(family);
    expect(bindings.kafka.key.description).toBe(key);
    expect(contentType).toBe(schema ? 'application/avro' : 'application/json');
    if (schema) expect(payload.schema?.$ref).toBe(`../schemas/${schema}`);
    const operation = operations.find(({ channel }) => at(channel.$ref) === channelOf(family));
    expect(operation?.action).toBe(access === 'read' ? 'receive' : 'send');
  }
});

test('its words are the words of the program', () => {
  const { Error: error, Event: event, Command: command } = document.components.schemas;
  expect(error.properties.error.properties.error_code.enum).toEqual(Object.keys(ERRORS));
  expect(event.properties.gap.properties.cause.enum).toEqual([...GAP_CAUSES]);
  expect(command.properties.action.enum).toEqual([...ACTIONS]);
  expect(Object.keys(command.properties)).toEqual(Object.keys(commandShape.shape));
});

describe('what is published is as the document has it', () => {
  const published: Message[] = [];

  beforeAll(async () => {
    const clock = new ManualClock();
    const publish = async (message: Message): Promise<void> => void published.push(message);
    const reporter = new Reporter({ publish }, clock, createLog('silent', false), 'collector-1');
    const gap = {
      from: 1,
      to: 2,
      cause: 'cut',
      codes: ['KRW-BTC'],
      first_missing_id: null,
      last_missing_id: null,
    } as const;
    reporter.tell({ kind: 'gap', target: UPBIT_TRADES, gap: { ...gap } });
    reporter.tell({ kind: 'state', target: UPBIT_TRADES, state: 'live', detail: { shard: 0 } });
    reporter.tell({
      kind: 'reply',
      target: null,
      replyId: 'x',
      outcome: 'refused',
      reason: 'not_json',
      resolved: [{ asked: 'BTC', symbol: 'KRW-BTC', code: 'KRW-BTC' }],
    });
    for (const code of ['disconnect_failed', 'unknown_error'] as const)
      reporter.error(new Fault(code, 'subject', 'what', 'remedy'), {
        target: UPBIT_TRADES,
        context: { attempt: 1 },
      });
    reporter.flush();
    const figures = new StreamFigures();
    const stats = figures.begin(UPBIT_TRADES, clock.micros());
    const performance = new BatchPerformance(clock, figures, (message) => published.push(message));
    performance.start();
    const pressure = new Backpressure({
      clock,
      budget: new ByteBudget(1000),
      streams: () => [],
      publish: (message: Message) => void published.push(message),
      log: createLog('silent', false),
    });
    pressure.start();
    for (let second = 0; second < 70; second++) {
      stats.batches++;
      stats.acked += 3;
      await clock.advance(1000);
    }
    performance.stop();
    pressure.stop();
  });

  const JSON_FAMILIES = TOPIC_FAMILIES.filter(
    (family) => TOPICS[family].schema === null && family !== 'ws.command',
  );

  test.each(JSON_FAMILIES)('%s', (family) => {
    const messages = published.filter((message) => message.family === family);
    expect(messages.length).toBeGreaterThan(0);
    const schema = judge(messageOf(family).payload.$ref ?? '');
    for (const { value } of messages) {
      // What Kafka gets is JSON: what is undefined is not there.
      const read = schema.safeParse(JSON.parse(JSON.stringify(value)));
      expect(read.success ? [] : read.error.issues).toEqual([]);
    }
    expect(schema.safeParse({ ...messages[0]?.value, ticket_id: 5 }).success).toBe(false);
  });
});
