import type { Micros } from '../../../core/market/market.ts';
import type { Kept, Page, Place, Store } from '../../outbox/store.ts';
import { isNoted } from '../produce/row-journal.ts';

/** What former lives left of one topic. */
export interface LeftoverTopic {
  readonly topic: string;
  first: Place;
  last: Place;
  messages: number;
  rows: number;
  /** When the oldest was appended. */
  oldestAt: Micros;
  /** By their UUIDs the oldest messages: only these can have been handed over. */
  readonly tickets: Map<string, Place>;
  /** Keys of messages that stand under a lease, each with its lowest fence. */
  readonly fences: Map<string, number>;
}

const PAGE_BYTES = 1024 * 1024;
/**
 * Messages of a topic that a former life can have handed over: as many as it has in memory of one at most, and some. All
 * others of the topic are newer, and never left the disk.
 */
export const MOST_HANDED_OVER = 32_768;

/** What is unreleased of former lives. */
export interface Leftovers {
  readonly topics: Map<string, LeftoverTopic>;
  /** Rows that waited for their batches, see `row-journal.ts`. */
  readonly notes: Kept[];
}

/** Reads through what is unreleased of former lives, a page at a time; keeps what it is known again by. */
export async function readLeftovers(store: Pick<Store, 'read'>, last: Place): Promise<Leftovers> {
  const topics = new Map<string, LeftoverTopic>();
  const notes: Kept[] = [];
  for (let from: Place | null = 1; from !== null && from <= last; ) {
    const page: Page = await store.read(from, PAGE_BYTES);
    for (const kept of page.records) {
      if (kept.place > last) continue;
      if (isNoted(kept.message)) notes.push(kept);
      else note(topics, kept);
    }
    from = page.next;
  }
  return { topics, notes };
}

/** Notes a message. */
export function note(topics: Map<string, LeftoverTopic>, { place, message }: Kept): void {
  const { topic, key, at, ticketId, fence, rows } = message;
  let own = topics.get(topic);
  if (!own) {
    own = {
      ...{ topic, first: place, last: place, messages: 0, rows: 0, oldestAt: at },
      ...{ tickets: new Map(), fences: new Map() },
    };
    topics.set(topic, own);
  }
  own.last = place;
  own.messages++;
  own.rows += rows;
  own.oldestAt = Math.min(own.oldestAt, at);
  if (ticketId !== '' && own.tickets.size < MOST_HANDED_OVER) own.tickets.set(ticketId, place);
  if (key !== null && fence !== null)
    own.fences.set(key, Math.min(fence, own.fences.get(key) ?? Number.POSITIVE_INFINITY));
}
