import type { Clock } from '../../common/clock.ts';
import type { Market } from '../../core/market/market.ts';
import type { FillStore } from '../state-store.ts';
import type { FillRecord } from './fill-task.ts';

/** A collector that has lost a code may leave a task of it after somebody else took it over: the store is looked through so often, ms. */
const LOAD_MS = 30_000;

/** Tasks that somebody left in the store for codes of one exchange that are carried here. */
export class StoredTasks {
  readonly #exchange: string;
  readonly #store: Pick<FillStore, 'tasks'>;
  readonly #clock: Clock;
  /** Codes whose tasks are not known yet. */
  readonly #asked = new Map<string, Market>();
  #loading = false;
  #loadedMs = Number.NEGATIVE_INFINITY;

  constructor(exchange: string, store: Pick<FillStore, 'tasks'>, clock: Clock) {
    this.#exchange = exchange;
    this.#store = store;
    this.#clock = clock;
  }

  /** A code is carried here newly. */
  ask(market: Market): void {
    this.#asked.set(market.symbol, market);
  }

  forget(symbol: string): void {
    this.#asked.delete(symbol);
  }

  /**
   * To be called again and again. Never rejects: a store that does not answer is asked again at the next look.
   * @param own names of tasks that are in hand: what is done of them meanwhile may still be among the answer
   * @returns null where nothing is to be asked now
   */
  look(
    carried: Iterable<readonly [Market, unknown]>,
    own: Iterable<string>,
  ): Promise<readonly (readonly [Market, FillRecord])[]> | null {
    const nowMs = this.#clock.now();
    if (nowMs - this.#loadedMs > LOAD_MS) {
      this.#loadedMs = nowMs;
      for (const [market] of carried) this.ask(market);
    }
    if (this.#asked.size === 0 || this.#loading) return null;
    this.#loading = true;
    return this.#load(new Set(own)).finally(() => {
      this.#loading = false;
    });
  }

  async #load(own: ReadonlySet<string>): Promise<readonly (readonly [Market, FillRecord])[]> {
    const asked = new Map(this.#asked);
    const records = await this.#store.tasks(this.#exchange).catch(() => null);
    if (records === null) return [];
    for (const symbol of asked.keys()) this.#asked.delete(symbol);
    return records.flatMap((record) => {
      const market = own.has(record.name) ? undefined : asked.get(record.symbol);
      return market ? [[market, record] as const] : [];
    });
  }
}
