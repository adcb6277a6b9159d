import type { FenceStanding } from '../../src/application/leases/fences.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import type { Handed } from '../../src/infra/kafka/produce/handed.ts';
import type { Header, Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { type Inherited, Spool } from '../../src/infra/kafka/produce/spool.ts';
import type { Kept } from '../../src/infra/outbox/store.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { Folder, MemoryStore } from './memory-outbox.ts';

/** What a message of one row takes in memory, about. */
export const WEIGHT = 2_500;
const TIMED_OUT = -192;

type Fate = 'delivered' | 'refused' | 'superseded' | 'undelivered' | 'shelved' | 'set aside';

export class Letter implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: readonly Header[] = [];
  readonly rows: number;
  readonly fence: number | null;
  readonly #tell: (fate: Fate) => void;

  constructor(
    key: string,
    text: string,
    tell: (fate: Fate) => void,
    topic = 't',
    rows = 1,
    fence: number | null = null,
  ) {
    this.topic = topic;
    this.key = key;
    this.value = Buffer.from(text.padEnd(100));
    this.rows = rows;
    this.fence = fence;
    this.#tell = tell;
  }
  delivered = () => this.#tell('delivered');
  refused = () => this.#tell('refused');
  superseded = () => this.#tell('superseded');
  undelivered = () => this.#tell('undelivered');
  shelved = () => this.#tell('shelved');
  setAside = () => this.#tell('set aside');
  split = () => null;
}

interface Given {
  readonly folder?: Folder;
  /** Messages of one row that memory has room for, over all topics. */
  readonly messages?: number;
  readonly inherited?: (kept: Kept) => Inherited;
  readonly standingOf?: (fence: number) => FenceStanding;
  readonly heldUntil?: (fence: number) => number | null;
  readonly setAside?: (kept: Kept) => boolean;
}

/** A spool over a client that acknowledges when the test says. */
export function desk(given: Given = {}) {
  const { folder = new Folder(), messages = 8, inherited = () => 'in order' } = given;
  const clock = new ManualClock();
  const handed: (Handed & { readonly text: string })[] = [];
  const log: string[] = [];
  const fates = new Map<string, Fate[]>();
  const tell = (text: string) => (fate: Fate) => void fates.set(text, [...(fates.get(text) ?? []), fate]);
  let taken = true;
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const onDiskWhenHanded: boolean[] = [];
  const queue: SendQueue = new SendQueue(
    {
      takeReports() {},
      produceAll(some) {
        spool.commit();
        for (const one of some) {
          const text = one.message.value.toString().trim();
          one.code = taken ? 0 : TIMED_OUT;
          if (!taken) continue;
          onDiskWhenHanded.push(
            [...folder.records.values()].some(({ value }) => Buffer.from(value).toString().trim() === text),
          );
          handed.push({ ...one, text });
          log.push(text);
        }
      },
    },
    breaker,
    clock,
    () => {},
    given.standingOf,
  );
  const store: MemoryStore = new MemoryStore(folder, (first, last) => spool.notKept(first, last));
  const spool: Spool = new Spool({
    queue,
    store,
    clock,
    memoryBytes: messages * WEIGHT,
    revive: ({ message }) =>
      new Letter(
        message.key ?? '',
        Buffer.from(message.value).toString().trim(),
        tell(Buffer.from(message.value).toString().trim()),
        message.topic,
        message.rows,
        message.fence,
      ),
    isFormer: (place) => place <= store.recovered.last,
    inherited,
    heldUntil: given.heldUntil ?? (() => null),
    setAside: given.setAside ?? (() => false),
  });
  const send = (text: string, { key = 'k', topic = 't', rows = 1, fence = null as number | null } = {}) =>
    spool.send(new Letter(key, text, tell(text), topic, rows, fence));
  /** Acknowledges what is under way, the oldest first. */
  const acknowledge = (most = Number.POSITIVE_INFINITY) => {
    for (const { id } of handed.splice(0, most)) queue.report(id, 0);
  };
  const work = async () => {
    const busy = () => queue.underWayMessages + queue.waitingMessages + spool.spilling.length > 0;
    for (let round = 0; round < 300 && busy(); round++) {
      acknowledge();
      await settle();
      if (handed.length === 0) await clock.advance(250);
    }
  };
  return {
    ...{ clock, folder, store, spool, queue, handed, log, fates, send, acknowledge, work, onDiskWhenHanded },
    take: (does: boolean) => {
      taken = does;
    },
  };
}
