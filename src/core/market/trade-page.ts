import { parseFrame } from '../frame.ts';
import type { PastTrades, TradePage, TradeRows } from '../past-trades.ts';
import type { Market, Micros } from './market.ts';
import { type Cursor, exactDigits, isObject } from './read-values.ts';
import type { Trade } from './rows.ts';
import { flaw } from './validate.ts';

/** No exchange gives as many in one answer. */
const MOST_ROWS = 20_000;

/** What an element of an answer is read with. */
export interface Answer {
  readonly market: Market;
  readonly receivedAt: Micros;
  /** Every digit of the element's member `id`; '' where it is none. */
  readonly id: string;
}

/** How an exchange answers a question for trades. */
export interface Answers {
  /** The text as it is to be parsed, where JSON's numbers do not hold its digits. */
  spelled?(text: string): string;
  /** The trades of a parsed body; where it has none, the exchange's own words instead. */
  list(body: unknown, market: Market): readonly unknown[] | string;
  /** What an element calls its id; left out where elements are arrays. */
  readonly id?: string;
  /** In such words: it will never answer this question. Of all others it is asked again. */
  readonly never: RegExp;
  /** Null where the element is no trade of this market. */
  trade(element: unknown, answer: Answer): Trade | null;
  /** See `TradeRows`. */
  cursor?(body: unknown, list: readonly unknown[]): string | null;
}

/** Reads answers with trades. Elements that are none leave their neighbours alone. */
export function tradePage({
  spelled = (text) => text,
  list: listOf,
  never,
  id: key = '',
  trade,
  cursor: cursorOf,
}: Answers): PastTrades['read'] {
  return (text, market, receivedAt): TradePage => {
    const body = parseFrame(spelled(text));
    if (body === undefined) return { refused: `no JSON: ${text.trim().slice(0, 100)}`, again: 'later' };
    const list = listOf(body, market);
    if (typeof list === 'string')
      return { refused: list || 'no list of trades', again: never.test(list) ? 'never' : 'later' };
    if (list.length > MOST_ROWS) return { refused: `${list.length} rows`, again: 'later' };
    const at: Cursor = { at: 0 };
    const read = list.map((element) => {
      // Of elements that are passed over too: two ids may round to the same double.
      const id = isObject(element) ? exactDigits(text, key, element[key], at) : '';
      return trade(element, { market, receivedAt, id });
    });
    return { ...sorted(read), cursor: cursorOf?.(body, list) ?? null };
  };
}

/** Sound trades, and what is wrong with the others. */
function sorted(read: readonly (Trade | null)[]): Pick<TradeRows, 'trades' | 'rejected'> {
  const trades: Trade[] = [];
  const rejected: { reason: string; row: number }[] = [];
  for (const [row, one] of read.entries()) {
    const reason = one === null ? 'no trade of this market' : flaw(one);
    if (one === null || reason !== null) rejected.push({ reason: reason ?? '', row });
    else trades.push(one);
  }
  return { trades, rejected };
}
