import type { Message } from '@confluentinc/kafka-javascript';
import { Fault } from '../../common/errors.ts';
import type { Audit } from '../../core/audit/audit.ts';
import { isData, isEvent, isMinutes } from '../../core/audit/shape.ts';
import type { Micros, Region } from '../../core/market/market.ts';
import type { ReadValue } from '../../infra/avro/read-value.ts';
import { headersOf } from '../../infra/kafka/consume/consumer.ts';
import type { IntervalReader, Kept } from '../../infra/kafka/consume/interval-reader.ts';
import { topicName } from '../../infra/kafka/topics/topics.ts';

export interface AuditReading {
  readonly audit: Audit;
  readonly reader: IntervalReader;
  readonly readValue: ReadValue;
  readonly regions: readonly Region[];
  /** Types that are looked at: the data topics are `{type}-data.{region}`. */
  readonly types: readonly string[];
  readonly from: Micros | null;
  readonly to: Micros | null;
}

/** Gaps that lasted when the interval began were told before it, so long at most. */
const TOLD_BEFORE_MS = 86_400_000;
/** What was received within the interval was written later, and clocks differ. */
const AROUND_MS = 60_000;
const MINUTE_MS = 60_000;

/** What was said of the streams, and where it was read up to. */
export interface Told {
  readonly events: readonly Kept[];
  readonly notes: readonly string[];
}

/** Reads everything once: what is told of the data, then the data. @throws {Fault} topic_missing, broker_unavailable */
export async function readAll(reading: AuditReading): Promise<Told> {
  const { reader, regions, from } = reading;
  const notes: string[] = [];
  const since = from === null ? null : from / 1000 - TOLD_BEFORE_MS;
  const events = (await reader.has('ws.event')) ? await readEvents(reading, since) : [];
  if (events.length === 0) notes.push('There is no ws.event: no hole can be explained.');
  if (events.some(({ cut }) => cut))
    notes.push('The beginning of ws.event is no longer kept: gaps told there are not known.');
  for (const region of regions) await readMinutes(reading, region, notes);
  await readData(reading);
  return { events, notes };
}

/** Reads what was told since. */
export async function readEvents(
  { audit, reader, readValue }: AuditReading,
  from: number | null | readonly Kept[],
): Promise<Kept[]> {
  return reader.read({ topic: 'ws.event', from, untilMs: null }, ({ value, timestamp }) => {
    const event = readValue(value);
    if (isEvent(event)) audit.event(event, timestamp ?? 0);
    return undefined;
  });
}

async function readMinutes(
  { audit, reader, readValue, from }: AuditReading,
  region: Region,
  notes: string[],
) {
  const topic = topicName('ws.metrics.processing', region);
  if (!(await reader.has(topic))) {
    notes.push(`There is no ${topic}: rows are held against no figures.`);
    return;
  }
  const since = from === null ? null : from / 1000 - AROUND_MS;
  await reader.read({ topic, from: since, untilMs: null }, ({ value, timestamp }) =>
    decoded(readValue, value, topic, (minutes) => {
      if (isMinutes(minutes)) audit.minutes(minutes, timestamp ?? 0);
      else if (minutes !== null) audit.unread(topic);
    }),
  );
}

async function readData(reading: AuditReading): Promise<void> {
  const { regions, types } = reading;
  let found = 0;
  for (const region of regions) for (const type of types) if (await readTopic(reading, type, region)) found++;
  if (found > 0) return;
  const name = `${types.join('|')}-data.${regions.join('|')}`;
  throw new Fault('topic_missing', name, 'There is none of these topics, or no right to see one.', REMEDY);
}

const REMEDY = 'A collector creates its topics at start; reading needs the right Read on each of them.';

/** @returns false where there is no such topic */
async function readTopic(reading: AuditReading, type: string, region: Region): Promise<boolean> {
  const { audit, reader, readValue, from } = reading;
  const topic = `${type}-data.${region}`;
  if (!(await reader.has(topic))) return false;
  const firsts = new Map<number, number>();
  const since = from === null ? null : from / 1000 - AROUND_MS;
  const kept = await reader.read({ topic, from: since, untilMs: untilOf(reading) }, (message) => {
    if (!firsts.has(message.partition)) firsts.set(message.partition, message.timestamp ?? 0);
    return decoded(readValue, message.value, topic, (value) => {
      if (isData(value)) audit.data(placeOf(message), headersOf(message), value);
      else if (value !== null) audit.unread(topic);
    });
  });
  // Of a partition whose beginning is gone, rows of its first minutes may be gone as well.
  const begins = kept.filter(({ cut }) => cut).map(({ partition }) => firsts.get(partition) ?? 0);
  if (begins.length > 0) audit.begins(region, type, 1000 * (Math.max(...begins) + MINUTE_MS));
  return true;
}

/** Rows of the interval were written up to the last that was told of it. */
function untilOf({ audit, to }: AuditReading): number | null {
  if (to === null) return null;
  return Math.max(to / 1000, audit.lastMinuteMs, audit.gaps.lastFillMs) + AROUND_MS;
}

function placeOf({ topic, key }: Message): string {
  return `${topic} ${key === null || key === undefined ? '' : key.toString()}`;
}

/** Most values are read at once; a promise is made only where a schema has to be fetched. */
function decoded(
  readValue: ReadValue,
  bytes: Uint8Array | null,
  topic: string,
  take: (value: unknown) => void,
): undefined | Promise<void> {
  let value: unknown;
  try {
    value = readValue(bytes);
  } catch {
    value = {};
  }
  if (value instanceof Promise) return value.then((late) => take(readable(late, topic)));
  take(readable(value, topic));
  return undefined;
}

/** Avro without a registry says nothing at all. */
function readable(value: unknown, topic: string): unknown {
  const { base64 } = (value ?? {}) as { base64?: unknown };
  if (typeof base64 !== 'string' || !base64.startsWith(AVRO)) return value;
  throw new Fault(
    'config_invalid',
    topic,
    'It holds Avro, and no schema registry is named.',
    'Set SCHEMA_REGISTRY_URL.',
  );
}

/** A zero and the first byte of a schema's id, in base64. */
const AVRO = 'AA';
