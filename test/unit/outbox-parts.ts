import type { Header } from '../../src/infra/kafka/produce/outgoing.ts';
import type { Damage, Recovered, Stored, StoreEvents, StoreState } from '../../src/infra/outbox/store.ts';

/** What a store told, in order. */
export interface Told extends StoreEvents {
  readonly damages: Damage[];
  readonly states: { state: StoreState; reason: string }[];
  readonly lost: { first: number; last: number }[];
  readonly whenOpen: Promise<Recovered>;
}

export function eventsOf(): Told {
  const open = Promise.withResolvers<Recovered>();
  const told: Told = {
    damages: [],
    states: [],
    lost: [],
    whenOpen: open.promise,
    opened: open.resolve,
    notKept: (first, last) => told.lost.push({ first, last }),
    damaged: (damage) => told.damages.push(damage),
    changed: (state, reason) => told.states.push({ state, reason }),
  };
  return told;
}

const HEADERS: readonly Header[] = [{ 'content-type': 'avro/binary' }, { fence: '3' }];

/** A message that its number tells apart; every third is about the data, every fifth has no key. */
export function message(n: number, size = 20 + ((n * 37) % 400)): Stored {
  const value = Buffer.alloc(size, n & 0xff);
  value.writeUInt32LE(n);
  return {
    topic: n % 3 === 0 ? 'ws.event' : 'trade-data.korea',
    key: n % 5 === 0 ? null : `upbit|KRW-BTC-${n}`,
    headers: HEADERS,
    value,
    ticketId: n % 3 === 0 ? '' : `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    fence: n % 2 === 0 ? null : 3,
    rows: n % 3 === 0 ? 0 : 1 + (n % 4),
    at: 1_790_000_000_000_000 + n * 1000,
  };
}
