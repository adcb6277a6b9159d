import { apart } from '../../../core/live-check/clock-apart.ts';
import type { ExchangeWatch } from '../../../core/live-check/exchange-watch.ts';
import type { CodeWatch } from '../../../core/live-check/stream-watch.ts';
import { order } from '../../../core/live-check/trade-match.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Trade } from '../../../core/market/rows.ts';
import type { PastTrades, TradeHole, TradeRows } from '../../../core/past-trades.ts';
import type { Asker, RestReply } from './asker.ts';

/** Pages of trades that one look at a code may take. */
const MOST_PAGES = 8;
/** Rows of an answer that are none, and that are told. */
const TOLD = 3;

/** Asks for the exchange's clock. */
export async function askClock(watch: ExchangeWatch, asker: Asker): Promise<void> {
  const clock = watch.exchange.restState?.clock;
  if (!clock) return;
  const reply = await asker.get(clock.url);
  const body = parsed(watch, reply);
  if (!reply || body === undefined) return;
  const at = clock.read(body);
  if (Number.isFinite(at)) watch.clocks.push(apart(at, reply.asked, reply.answered));
  else watch.restFailed(`${reply.url} answered without a time: ${reply.text.slice(0, 200)}`);
}

/** Asks for the latest price of a code. @returns what is to be done when what was under way has come */
export async function askPrice(watch: ExchangeWatch, code: CodeWatch, asker: Asker): Promise<() => void> {
  const question = watch.exchange.restState?.price;
  if (!question) return () => {};
  const reply = await asker.get(question.url(code.market), question.weight);
  const body = parsed(watch, reply);
  if (!reply || body === undefined) return () => {};
  const price = question.read(body);
  if (price > 0) return () => code.price.shown(price, reply.asked, reply.answered);
  watch.restFailed(`${reply.url} answered without a price: ${reply.text.slice(0, 200)}`);
  return () => {};
}

/** Asks for the book of a code. @param choice one of `orderbooks.choices` @returns as `askPrice` */
export async function askBook(
  watch: ExchangeWatch,
  code: CodeWatch,
  choice: string,
  asker: Asker,
): Promise<() => void> {
  const question = watch.exchange.restState?.book;
  if (!question) return () => {};
  const reply = await asker.get(question.url(code.market), question.weight);
  const body = parsed(watch, reply);
  if (!reply || body === undefined) return () => {};
  const book = question.read(body, choice);
  if (
    book.bids.length + book.asks.length > 0 &&
    !book.bids.some(Number.isNaN) &&
    !book.asks.some(Number.isNaN)
  )
    return () => code.book?.shown(book, reply.asked, reply.answered);
  watch.restFailed(`${reply.url} answered without levels: ${reply.text.slice(0, 200)}`);
  return () => {};
}

/** Trades of one answer, and when it came. */
interface Page {
  readonly trades: readonly Trade[];
  readonly answered: number;
}

/** Asks for the trades of a code that followed one that is known. */
export async function askTrades(
  watch: ExchangeWatch,
  code: CodeWatch,
  before: Trade,
  asker: Asker,
  now: () => Micros,
): Promise<void> {
  const { pastTrades: past, tradeIds } = watch.exchange;
  if (!past) return;
  const hole: TradeHole = { market: code.market, before, after: null, from: before.timestamp, to: now() };
  const pages: Page[] = [];
  let url: string | null = past.first(hole, now());
  while (url !== null && pages.length < MOST_PAGES) {
    const reply: RestReply | null = await asker.get(url, past.weight);
    const page = reply && tradesOf(watch, code, past, reply);
    if (!reply || !page) break;
    pages.push({ trades: page.trades, answered: reply.answered });
    url = past.next(hole, page, url, now());
  }
  const rules = { tradeIds, otherIds: past.otherIds ?? false };
  const [newest] = pages
    .flatMap(({ trades, answered }) => trades.map((trade) => ({ trade, answered })))
    .sort((a, b) => order(b.trade, a.trade, rules));
  if (!newest) return;
  // Pages that go back in time have the newest trade in the first of them.
  const whole = url === null || newest.answered === pages[0]?.answered;
  code.trades?.listed(
    pages.flatMap(({ trades }) => trades),
    whole,
    newest.answered,
  );
}

/** Null where the answer is none, which the watch is told. */
function tradesOf(
  watch: ExchangeWatch,
  { market }: CodeWatch,
  past: PastTrades,
  { url, text, answered }: RestReply,
): TradeRows | null {
  const page = past.read(text, market, answered);
  if (!('refused' in page)) {
    for (const { reason, row } of page.rejected.slice(0, TOLD))
      watch.restFailed(`${url}: trade ${row}: ${reason}`);
    return page;
  }
  if (page.again === 'never') watch.restFailed(`${url}: ${page.refused}`);
  else watch.notes.add(`trades over REST: ${page.refused}`);
  return null;
}

/** The document of an answer; undefined where there is none, which the watch is told. */
function parsed(watch: ExchangeWatch, reply: RestReply | null): unknown {
  if (!reply) return undefined;
  try {
    return JSON.parse(reply.text) as unknown;
  } catch {
    watch.restFailed(`${reply.url} did not answer with JSON: ${reply.text.slice(0, 200)}`);
    return undefined;
  }
}
