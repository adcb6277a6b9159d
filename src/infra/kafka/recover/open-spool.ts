import type { Clock } from '../../../common/clock.ts';
import type { Log } from '../../../common/log.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Settled } from '../../../core/ports.ts';
import type { Damage, Figures, Store, StoreEvents, StoreState } from '../../outbox/store.ts';
import type { BrokerLink } from '../client/broker-link.ts';
import type { ClusterOptions } from '../client/client-options.ts';
import { LITTLE_AHEAD_KB, openIntervalReader } from '../consume/interval-reader.ts';
import { type Encodings, encodingOf } from '../produce/encodings.ts';
import type { Losses } from '../produce/losses.ts';
import { readBack } from '../produce/read-back.ts';
import type { Rejects } from '../produce/rejects.ts';
import { Spool } from '../produce/spool.ts';
import { FormerLife, type Holds } from './former-life.ts';
import type { FetchedTrades } from './late-rows.ts';

/** The outbox of a collector, and what is to be told of it. */
export interface OutboxDeps {
  readonly open: (events: StoreEvents) => Store;
  /** Bytes of messages that are held in memory; what comes beyond lies on disk alone. */
  readonly memoryBytes: number;
  readonly holds: Holds;
  readonly fetched: FetchedTrades;
  /** Life of a lease, ms. */
  readonly leaseMs: number;
  /** See `SpoolParts`. */
  readonly heldUntil: (fence: number) => Micros | null;
  readonly settled: (settled: Settled) => void;
  readonly damaged: (damage: Damage) => void;
  readonly stood: StoreEvents['stood'];
  readonly changed: (state: StoreState, reason: string) => void;
}

export interface SpoolDeps {
  readonly link: Pick<BrokerLink, 'queue' | 'keepsIn'>;
  readonly cluster: ClusterOptions;
  readonly encodings: Encodings;
  readonly rejects: Rejects;
  readonly losses: Losses;
  readonly errorText: (code: number) => string;
  readonly clock: Clock;
  readonly log: Log;
}

/** How the outbox stands. All counts are since the start. */
export interface OutboxState extends Figures {
  /** Topics of which messages lie on disk alone. */
  readonly spilling: readonly string[];
  /** Messages that memory let go of, and that were read back. */
  readonly shelved: number;
  readonly readBack: number;
  /** What a former life left is still to be looked for in its topics. */
  readonly comparing: boolean;
  /** What keeps it from being read, or compared, in words; null where nothing does. */
  readonly trouble: string | null;
}

/** The way out over an outbox. */
export interface OpenSpool {
  readonly spool: Spool;
  readonly store: Store;
  state(): OutboxState;
  close(deadlineMs: number): Promise<void>;
}

/** A reader of topics answers within so long, or is asked anew, ms. */
export const READER_MS = 5_000;
/** So long what is received waits in memory for the folder to be opened, ms. */
const OPEN_MS = 30_000;
/** States in which the folder cannot be had: the collector goes on without it. */
const AWAY: readonly StoreState[] = ['locked', 'broken', 'slow', 'full'];

/** Puts an outbox before the queue. */
export function openSpool(deps: OutboxDeps, parts: SpoolDeps): OpenSpool {
  const { link, cluster, clock, log } = parts;
  let begun = false;
  // A folder that is neither read nor refused holds up nothing.
  const patience = clock.after(OPEN_MS, () => goOn());
  const goOn = () => {
    patience();
    if (begun) return;
    begun = true;
    spool.begin();
  };
  const store: Store = deps.open({
    opened: (recovered) => {
      const late = begun;
      begun = true;
      patience();
      void life.inherit(recovered, late);
    },
    notKept: (first, last) => spool.notKept(first, last),
    damaged: deps.damaged,
    stood: deps.stood,
    changed: (state, reason) => {
      deps.changed(state, reason);
      if (AWAY.includes(state)) goOn();
    },
  });
  const life = new FormerLife({
    store,
    spool: {
      inherits: (topic, first, end) => spool.inherits(topic, first, end),
      begin: () => spool.begin(),
      sendLate: (kept) => spool.sendLate(kept),
    },
    fetched: deps.fetched,
    openReader: () => openIntervalReader({ ...cluster, timeoutMs: READER_MS, aheadKb: LITTLE_AHEAD_KB }),
    encodingOf: (topic) => encodingOf(parts.encodings, topic),
    holds: deps.holds,
    leaseMs: deps.leaseMs,
    clock,
    log,
  });
  const reading = { ...parts, settled: deps.settled };
  const spool: Spool = new Spool({
    queue: link.queue,
    store,
    clock,
    memoryBytes: deps.memoryBytes,
    revive: (kept, own) => readBack(reading, kept, own),
    isFormer: (place) => life.isFormer(place),
    inherited: (kept) => life.inherited(kept),
    heldUntil: deps.heldUntil,
    setAside: (kept) => life.setAside(kept),
  });
  link.keepsIn({
    commit: () => spool.commit(),
    placed: (topic, partition, offset) => store.acknowledged(topic, partition, offset),
  });
  return {
    spool,
    store,
    state: () => ({
      ...store.figures,
      spilling: spool.spilling,
      shelved: spool.shelved,
      readBack: spool.readBack,
      comparing: life.waits,
      trouble: life.trouble ?? spool.trouble,
    }),
    async close(deadlineMs) {
      patience();
      life.stop();
      spool.close();
      await store.close(deadlineMs);
    },
  };
}
