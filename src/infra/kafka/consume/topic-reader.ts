import type { ClusterOptions } from '../client/client-options.ts';
import { type ConsumedRecord, recordOf } from './consumer.ts';
import { openReaderClient, type ReaderClient } from './reader-client.ts';

export interface TopicReaderSettings extends ClusterOptions {
  readonly topics: readonly string[];
  /** `end`: what is produced after `openTopicReader` resolved; `beginning`: everything that is kept. */
  readonly from: 'beginning' | 'end';
  /** Bound of connecting and of every question, in ms. */
  readonly timeoutMs: number;
}

export interface TopicReader {
  /** The next records, in the order of each partition; empty where none came within a moment. */
  next(): Promise<ConsumedRecord[]>;
  close(): Promise<void>;
}

/**
 * Reads topics without being a member of a group: nothing is committed, nobody else gets less.
 * @throws {Fault} addon_unavailable, config_invalid, broker_unavailable, topic_missing; the last one by `next` as well
 */
export async function openTopicReader(settings: TopicReaderSettings): Promise<TopicReader> {
  const client = await openReaderClient(settings, settings.timeoutMs);
  try {
    client.assign(await startOf(client, settings));
  } catch (error) {
    await client.close();
    throw await client.faultOf(error);
  }
  return {
    next: async () => (await client.consume()).map(recordOf),
    close: () => client.close(),
  };
}

async function startOf(client: ReaderClient, { topics, from }: TopicReaderSettings) {
  const places = await Promise.all(
    topics.map(async (topic) => {
      const partitions = await client.partitionsOf(topic);
      return Promise.all(
        partitions.map(async (partition) => {
          const { lowOffset, highOffset } = await client.watermarks(topic, partition);
          return { topic, partition, offset: from === 'end' ? highOffset : lowOffset };
        }),
      );
    }),
  );
  return places.flat();
}
