import { FRAME_KEYS } from '../../../../exchanges/frame-keys.ts';
import type { ExchangeDeps } from '../../../application/streams/stream-parts.ts';
import { type Clock, sleep } from '../../../common/clock.ts';
import { messageOf } from '../../../common/errors.ts';
import type { Settings } from '../../../config/settings.ts';
import type { Connection } from '../../../core/connection/connection.ts';
import type { Exchange } from '../../../core/exchange.ts';
import { busyMarkets } from '../../../core/live-check/busy-markets.ts';
import type { ExchangeWatch } from '../../../core/live-check/exchange-watch.ts';
import { knownKeys } from '../../../core/live-check/frame-keys.ts';
import { PriceWatch } from '../../../core/live-check/price-watch.ts';
import { affordable, type Plan, plan, type Question } from '../../../core/live-check/schedule.ts';
import { type CodeWatch, StreamWatch } from '../../../core/live-check/stream-watch.ts';
import type { RequestType } from '../../../core/market/market.ts';
import type { Trade } from '../../../core/market/rows.ts';
import type { ExchangeAccess } from '../../exchange-access.ts';
import type { Asker } from './asker.ts';
import { askBook, askClock, askPrice, askTrades } from './questions.ts';
import { connectWatch } from './stream.ts';

/** Codes of each stream. */
const CODES = 3;
/** What an answer of REST is held against has come by then, ms. */
const UNDER_WAY_MS = 3000;
/** Trades that REST does not show at the end are asked for again after so many ms. */
const AGAIN_MS = [1000, 3000, 5000];

export interface WatchOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly access: ExchangeAccess;
  readonly types: readonly RequestType[];
  readonly seconds: number;
  /** Resolves when the user wants no more. */
  readonly stopped: Promise<unknown>;
}

/** Reads an exchange's streams for a while and asks its REST interface about the same. Never rejects. */
export async function watchExchange(
  watch: ExchangeWatch,
  asker: Asker,
  options: WatchOptions,
): Promise<void> {
  const connections: Connection[] = [];
  try {
    const parts = await options.access.parts(watch.exchange.id);
    const markets = parts.markets.all();
    if (markets.length === 0) {
      watch.unreachable = 'its market list cannot be read';
      return;
    }
    const most = Math.min(CODES, parts.exchange.limits.codesPerSocket);
    const busy = busyMarkets(markets, most).map((market) => [market, new PriceWatch()] as const);
    for (const type of options.types.filter((one) => watch.exchange.types.includes(one))) {
      const keys = FRAME_KEYS[watch.exchange.id]?.[type];
      const stream = new StreamWatch(
        watch.exchange,
        type,
        busy,
        keys === undefined ? null : knownKeys(keys),
        parts.book,
      );
      watch.streams.push(stream);
      connections.push(connectWatch(stream, parts, options.settings, options.clock));
    }
    await new Round(watch, asker, parts, options).go();
  } catch (error) {
    watch.unreachable = messageOf(error);
  } finally {
    for (const [nth, connection] of connections.entries()) {
      const stream = watch.streams[nth];
      if (stream) stream.opens = connection.snapshot().opens;
      if (!watch.reached) watch.unreachable ??= connection.snapshot().lastError;
    }
    await Promise.all(connections.map((connection) => connection.stop()));
  }
}

/** The questions to one exchange, from the first to the last. */
class Round {
  readonly #watch: ExchangeWatch;
  readonly #asker: Asker;
  readonly #parts: ExchangeDeps;
  readonly #options: WatchOptions;
  /** The latest trade that was asked about. */
  readonly #asked = new Map<CodeWatch, Trade>();
  readonly #later: Promise<void>[] = [];
  readonly #plan: Plan;
  #stopped = false;

  constructor(watch: ExchangeWatch, asker: Asker, parts: ExchangeDeps, options: WatchOptions) {
    this.#watch = watch;
    this.#asker = asker;
    this.#parts = parts;
    this.#options = options;
    const { limits, markets } = watch.exchange;
    const allowed = affordable(limits.rest ?? [], options.seconds, heaviest(watch.exchange));
    this.#plan = plan(options.seconds, CODES, allowed - markets.urls.length);
    void options.stopped.then(() => {
      this.#stopped = true;
    });
  }

  async go(): Promise<void> {
    const { clock, seconds, settings, stopped } = this.#options;
    const began = clock.now();
    for (const { question, atMs } of this.#plan.questions) {
      await Promise.race([sleep(clock, began + atMs - clock.now()), stopped]);
      if (this.#stopped) return;
      if (clock.now() - began > seconds * 1000) break;
      if (!this.#watch.reached && clock.now() - began > settings.startup.timeout_ms) return;
      await this.#ask(question);
    }
    await Promise.race([sleep(clock, began + seconds * 1000 - clock.now()), stopped]);
    await Promise.all(this.#later);
    await this.#last();
  }

  async #ask(question: Question): Promise<void> {
    if (question === 'clock') return askClock(this.#watch, this.#asker);
    for (const code of this.#codes(question)) {
      if (question === 'trades') await this.#trades(code);
      else if (question === 'price') this.#hold(await askPrice(this.#watch, code, this.#asker));
      else this.#hold(await askBook(this.#watch, code, this.#choice(), this.#asker));
    }
  }

  #codes(question: Question): CodeWatch[] {
    const type = question === 'trades' ? 'trade' : question === 'price' ? 'ticker' : 'orderbook';
    const streams = this.#watch.streams.filter((one) => one.type === type);
    return streams.flatMap(({ codes }) => [...codes.values()].slice(0, this.#plan.codes));
  }

  #choice(): string {
    return this.#parts.book ?? this.#watch.exchange.orderbooks?.choices[0] ?? '';
  }

  async #trades(code: CodeWatch): Promise<void> {
    const from = this.#asked.get(code) ?? code.trades?.first;
    const latest = code.trades?.latest;
    if (!from || !latest) return;
    await askTrades(this.#watch, code, from, this.#asker, () => this.#options.clock.micros());
    this.#asked.set(code, latest);
  }

  /** What an answer says is looked at when what was on its way has come. */
  #hold(look: () => void): void {
    this.#later.push(sleep(this.#options.clock, UNDER_WAY_MS).then(look));
  }

  /** Everything from the first trade on, and once more while REST does not have all of it. */
  async #last(): Promise<void> {
    const { clock, stopped } = this.#options;
    for (const code of this.#codes('trades')) {
      for (const waitMs of AGAIN_MS) {
        const first = code.trades?.first;
        if (!first || this.#stopped) break;
        await Promise.race([sleep(clock, waitMs), stopped]);
        await askTrades(this.#watch, code, first, this.#asker, () => clock.micros());
        if (code.trades?.unseen === 0) break;
      }
    }
  }
}

/** What the heaviest of the questions weighs. */
function heaviest({ pastTrades, restState }: Exchange): number {
  return Math.max(1, pastTrades?.weight ?? 1, restState?.price.weight ?? 1, restState?.book?.weight ?? 1);
}
