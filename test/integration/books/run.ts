import { join } from 'node:path';
import { EXCHANGES } from '../../../exchanges/index.ts';
import { scratchDir } from '../../services/scratch.ts';
import type { BookState } from '../../simulator/books/exchange-books.ts';
import { between, seededRandom } from '../../simulator/random.ts';
import { firstCodes, type Run, startRun, subscribed } from '../eleven-parts.ts';
import { happened, type Injected, injectAll } from './faults.ts';
import { type BookGap, bookGaps, isBreak, isFair, unexplained, untold } from './gaps.ts';
import { type BookRow, difference, type Reading, readByPython } from './rows.ts';

/** Exchanges whose plug-in has order books. */
export const BOOK_EXCHANGES = EXCHANGES.filter(({ types }) => types.includes('orderbook')).map(
  ({ id }) => id,
);
const ANNOUNCING = ['binance', 'okx', 'bitfinex'];

export interface Options {
  /** Of each exchange. */
  readonly codes: number;
  /** Level changes a second over all books. */
  readonly changesPerS: number;
  /** Without faults, and then between two of them. */
  readonly quietMs: number;
  readonly paceMs: number;
  /** How often somebody looks at a random book. */
  readonly momentMs: number;
  readonly keyframeMs: number;
  /** How long what was broken last may take to heal. */
  readonly healMs: number;
}

export interface Findings {
  /** Books at random moments that were compared, and how the reader's were others. */
  readonly compared: number;
  readonly other: readonly string[];
  /** Of each code at the end. */
  readonly last: readonly string[];
  readonly untold: readonly Injected[];
  readonly falseBreaks: readonly BookGap[];
  /** In the quiet span. */
  readonly quietGaps: readonly BookGap[];
  /** DELTA rows that a reader could not apply. */
  readonly holes: readonly string[];
  /** Codes whose book a reader that begins at a random row has wrong, or late. */
  readonly begun: readonly string[];
  readonly rows: number;
  readonly breaks: number;
}

/** Collects books of every exchange through faults, cuts and rotations, and lets the Python reader rebuild them. */
export async function runBooks(
  options: Options,
  keep: (run: Run) => void,
  say: (line: string) => void,
): Promise<Findings> {
  const { codes, changesPerS, keyframeMs } = options;
  const run = await startRun(
    [
      ...['--exchanges', BOOK_EXCHANGES.join(','), '--symbols', String(codes), '--rate', '0'],
      ...['--book-rate', String(changesPerS), '--zipf', '1'],
    ],
    (simulator) => [
      ...firstCodes(simulator, codes, 'orderbook'),
      ...['--set', `orderbook.keyframe_ms=${keyframeMs}`],
    ],
  );
  keep(run);
  const { simulator } = run;
  await subscribed(run, BOOK_EXCHANGES.length * codes, 120_000);
  await Bun.sleep(options.healMs);
  say('all books are subscribed');
  const looking = new Looking(run, options);
  const quietFrom = Date.now();
  await Bun.sleep(options.quietMs);
  const quietTo = Date.now();
  const asked = await injectAll(simulator, BOOK_EXCHANGES, options);
  say(`${asked.length} faults were asked for`);
  for (const exchange of BOOK_EXCHANGES) await simulator.do({ do: 'cut', exchange, count: 1 });
  await Bun.sleep(options.healMs);
  for (const exchange of ANNOUNCING.filter((id) => BOOK_EXCHANGES.includes(id))) {
    await simulator.do({ do: 'rotate', exchange, afterMs: 6000 });
  }
  await Bun.sleep(options.healMs);
  const moments = await looking.end();
  await simulator.do({ do: 'book-rate', changesPerS: 0 });
  await Bun.sleep(2000);
  const states = await statesOf(run, codes);
  await Bun.sleep(2000);
  if ((await run.collector.stop()) !== 0) throw new Error(`the collector failed: ${await run.collector.log}`);
  const [rows, events, ledger] = await Promise.all([run.bookRows(), run.events(), run.ledger()]);
  ledger.assertNoViolations();
  const faults = happened(asked, ledger);
  say(`${rows.length} rows, ${moments.length} moments`);

  const names = new Map(rows.map(({ exchange, symbol, code }) => [`${exchange} ${symbol}`, code]));
  const codeOf = (exchange: string, symbol: string) => names.get(`${exchange} ${symbol}`);
  const gaps = bookGaps(events);
  const strange = unexplained(faults, gaps, codeOf);
  const file = join(scratchDir('books'), 'moments.json');
  const reading = await readByPython(rows, moments, file);
  const wholes = Map.groupBy(
    rows.filter(({ stream_type }) => stream_type === 'SNAPSHOT'),
    ({ exchange, symbol }) => `${exchange} ${symbol}`,
  );
  const fair = moments.map((moment) => {
    const { exchange, symbol } = moment;
    const name = `${exchange} ${symbol}`;
    return isFair(moment, codeOf(exchange, symbol) ?? '', gaps, faults, wholes.get(name) ?? []);
  });
  return {
    compared: fair.filter(Boolean).length,
    other: moments.flatMap((moment, i) => {
      const found = fair[i] ? difference(reading.moments[i], moment) : null;
      return found ? [`${told(moment)}: ${found}`] : [];
    }),
    last: wrong(reading, states),
    untold: untold(faults, gaps, codeOf),
    falseBreaks: strange.filter(isBreak),
    quietGaps: strange.filter(({ from }) => from > quietFrom && from < quietTo),
    holes: Object.entries(reading.verdicts).flatMap(([name, { hole = 0 }]) => (hole > 0 ? [name] : [])),
    begun: await beginAnywhere(rows, states, keyframeMs, file),
    rows: rows.length,
    breaks: gaps.filter(isBreak).length,
  };
}

function told({ exchange, symbol, at, askedAt, sequence }: BookState): string {
  return `${exchange} ${symbol} at ${new Date(at).toISOString()} (${sequence}), asked ${askedAt - at} ms later`;
}

function wrong(reading: Reading, states: readonly BookState[]): string[] {
  return states.flatMap((state) => {
    const found = difference(reading.last[`${state.exchange} ${state.symbol}`], state);
    return found ? [`${told(state)}: ${found}`] : [];
  });
}

async function statesOf({ simulator }: Run, codes: number): Promise<BookState[]> {
  const states: BookState[] = [];
  for (const [exchange, { symbols }] of Object.entries(simulator.exchanges)) {
    for (const symbol of symbols.slice(0, codes)) states.push(await simulator.book(exchange, symbol));
  }
  return states;
}

/** Asks for a random book now and then. */
class Looking {
  readonly #moments: BookState[] = [];
  #over = false;
  readonly #done: Promise<void>;

  constructor(run: Run, options: Options) {
    this.#done = this.#look(run, options);
  }

  async end(): Promise<BookState[]> {
    this.#over = true;
    await this.#done;
    return this.#moments;
  }

  async #look({ simulator }: Run, { codes, momentMs }: Options): Promise<void> {
    const random = seededRandom(11);
    const all = Object.entries(simulator.exchanges).flatMap(([exchange, { symbols }]) =>
      symbols.slice(0, codes).map((symbol) => ({ exchange, symbol })),
    );
    while (!this.#over) {
      const one = all[between(random, 0, all.length - 1)];
      if (one) this.#moments.push(await simulator.book(one.exchange, one.symbol));
      await Bun.sleep(momentMs * (0.5 + random()));
    }
  }
}

/** How long a keyframe may come after its time on a busy machine. */
const LATE_MS = 10_000;

/** A reader begins each code at a random row of its first half. @returns codes that it has wrong or too late */
async function beginAnywhere(
  rows: readonly BookRow[],
  states: readonly BookState[],
  keyframeMs: number,
  file: string,
): Promise<string[]> {
  const random = seededRandom(5);
  const own = Map.groupBy(rows, ({ exchange, symbol }) => `${exchange} ${symbol}`);
  const from = [...own].map(
    ([name, some]) => [name, some.slice(between(random, 0, some.length >> 1))] as const,
  );
  const reading = await readByPython(
    from.flatMap(([, some]) => some),
    [],
    file,
  );
  const late = from.flatMap(([name, some]) => {
    const whole = some[reading.first[name] ?? -1];
    if (!whole) return [`${name}: never whole`];
    const waited = (whole.received_at - (some[0]?.received_at ?? 0)) / 1000;
    return waited > keyframeMs + LATE_MS ? [`${name}: whole after ${waited} ms`] : [];
  });
  return [...late, ...wrong(reading, states)];
}
