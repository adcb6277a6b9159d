import type { Message } from '@confluentinc/kafka-javascript';
import { systemClock } from '../../../common/clock.ts';
import { Fault } from '../../../common/errors.ts';
import type { ClusterOptions } from '../client/client-options.ts';
import { openReaderClient, type Place, type ReaderClient } from './reader-client.ts';

export interface IntervalSettings extends ClusterOptions {
  /** Bound of connecting, of every question, and of the wait for the next record, in ms. */
  readonly timeoutMs: number;
  /** What the client fetches ahead of us at most, in KiB; left out: as much as makes it fast. */
  readonly aheadKb?: number;
}

/** Where the reading of a topic begins and ends. */
export interface Bounds {
  readonly topic: string;
  /**
   * Kafka's time of the first record, epoch ms; null: from the first that is kept; or behind what was read before; or from
   * a time on, or from offsets where these come first.
   */
  readonly from: number | null | readonly Kept[] | Marks;
  /** Kafka's time behind the last record, epoch ms; null: up to what is there when it is asked. */
  readonly untilMs: number | null;
}

export interface Marks {
  /** By partition; those that are not in it begin at the time. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Epoch ms. */
  readonly sinceMs: number;
}

/** What is kept of a topic, before it is read. */
export interface Kept {
  readonly partition: number;
  readonly first: number;
  readonly end: number;
  /** Records before the first have been there once. */
  readonly cut: boolean;
}

/** Reads topics from one time to another and ends, as often as it is asked. */
export interface IntervalReader {
  /** Whether there is the topic. */
  has(topic: string): Promise<boolean>;
  /**
   * Reads to the end, in the order of each partition. `take` is called with each record and has to be done with it
   * when it returns, or resolves.
   * @returns what was read of each partition
   * @throws {Fault} broker_unavailable where nothing comes for `timeoutMs`; topic_missing
   */
  read(bounds: Bounds, take: (record: Message) => undefined | Promise<void>): Promise<Kept[]>;
  close(): Promise<void>;
}

const AHEAD_KB = 16_384;
/** For whoever looks into topics beside live data. */
export const LITTLE_AHEAD_KB = 1_024;

/** @throws {Fault} addon_unavailable, config_invalid, broker_unavailable */
export async function openIntervalReader(settings: IntervalSettings): Promise<IntervalReader> {
  const client = await openReaderClient(settings, settings.timeoutMs, {
    'enable.partition.eof': true,
    'queued.max.messages.kbytes': settings.aheadKb ?? AHEAD_KB,
  });
  let position = new Map<number, number>();
  let reading = '';
  client.onEnd(({ topic, partition, offset }) => {
    if (topic === reading) position.set(partition, Math.max(offset, position.get(partition) ?? 0));
  });

  async function read(bounds: Bounds, take: Parameters<IntervalReader['read']>[1]) {
    const { topic } = bounds;
    const kept = await answered(boundsOf(client, bounds));
    position = new Map(kept.map(({ partition, first }) => [partition, first]));
    reading = topic;
    const ends = new Map(kept.map(({ partition, end }) => [partition, end]));
    const open = () => kept.some(({ partition, end }) => (position.get(partition) ?? 0) < end);
    client.assign(kept.map(({ partition, first: offset }) => ({ topic, partition, offset })));
    let lastMs = systemClock.now();
    while (open()) {
      const records = await client.consume();
      if (records.length > 0) lastMs = systemClock.now();
      else if (systemClock.now() - lastMs > settings.timeoutMs) throw silent(topic, settings);
      for (const record of records) {
        if (record.topic !== topic || record.offset >= (ends.get(record.partition) ?? 0)) continue;
        position.set(record.partition, record.offset + 1);
        const done = take(record);
        if (done) await done;
      }
    }
    client.assign([]);
    return kept;
  }

  async function answered<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      return await asked;
    } catch (error) {
      throw await client.faultOf(error);
    }
  }

  return {
    has: async (topic) => {
      try {
        return (await client.partitionsOf(topic)).length > 0;
      } catch (error) {
        if (error instanceof Fault && error.code === 'topic_missing') return false;
        throw await client.faultOf(error);
      }
    },
    read,
    close: () => client.close(),
  };
}

async function boundsOf(client: ReaderClient, { topic, from, untilMs }: Bounds): Promise<Kept[]> {
  const ids = await client.partitionsOf(topic);
  const places = ids.map((partition) => ({ topic, partition }));
  const waters = await Promise.all(ids.map((partition) => client.watermarks(topic, partition)));
  const marks = isMarks(from) ? from : null;
  const sinceMs = typeof from === 'number' ? from : marks ? Math.max(0, Math.floor(marks.sinceMs)) : null;
  const begin = sinceMs === null ? null : await client.offsetsAt(places, sinceMs);
  const until = untilMs === null ? null : await client.offsetsAt(places, untilMs);
  return ids.map((partition, at) => {
    const { lowOffset = 0, highOffset = 0 } = waters[at] ?? {};
    const end = Math.min(highOffset, offsetOf(until, partition) ?? highOffset);
    const read = Array.isArray(from) ? from.find((one) => one.partition === partition)?.end : undefined;
    const timed = begin ? (offsetOf(begin, partition) ?? end) : lowOffset;
    const first = read ?? Math.min(timed, marks?.offsets.get(partition) ?? timed);
    const cut = first <= lowOffset && lowOffset > 0;
    return { partition, first: Math.min(Math.max(first, lowOffset), end), end, cut };
  });
}

function isMarks(from: Bounds['from']): from is Marks {
  return from !== null && typeof from === 'object' && 'offsets' in from;
}

/** Null where there is no record of that time or later. */
function offsetOf(places: readonly Place[] | null | undefined, partition: number): number | null {
  const offset = places?.find((place) => place.partition === partition)?.offset;
  return offset === undefined || offset < 0 ? null : offset;
}

function silent(topic: string, { bootstrapServers, timeoutMs }: IntervalSettings): Fault {
  return new Fault(
    'broker_unavailable',
    bootstrapServers,
    `Nothing more came of ${topic} within ${timeoutMs} ms, although there is more.`,
    'Look after the brokers, and try again.',
  );
}
