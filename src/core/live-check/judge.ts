import type { Trade } from '../market/rows.ts';
import type { LiveCode, LiveFinding, LiveStream } from './findings.ts';
import type { CodeWatch, StreamWatch } from './stream-watch.ts';
import type { Difference, IdBreak } from './trade-match.ts';

/** Ids, levels or keys that are named in one finding. */
const NAMED = 3;

/** What one stream brought, in figures. */
export function streamReport(watch: StreamWatch): LiveStream {
  const { exchange, type, frames, bytes, rows, control, silence, lag } = watch;
  return {
    ...{ exchange: exchange.id, region: exchange.region, request_type: type, frames, bytes, rows },
    rejected: sum(watch.rejected),
    control,
    opens: watch.opens,
    silence_s: silence === null ? null : Math.round(silence / 100_000) / 10,
    lag_ms: lag === null ? null : Math.round(lag / 1000),
    unknown_keys: [...watch.unknown.keys()],
    codes: [...watch.codes.values()].map((code) => codeReport(watch, code)),
  };
}

function codeReport({ type, cuts }: StreamWatch, { market, rows, trades, book, price }: CodeWatch): LiveCode {
  const verdict = trades?.verdict(cuts);
  const books = book?.verdict;
  return {
    ...{ code: market.code, symbol: market.symbol, rows },
    trades_same: verdict?.same ?? null,
    visible_s: verdict?.visible ?? null,
    books: books?.books ?? null,
    books_exact: books?.exact ?? null,
    levels: books?.levels ?? null,
    prices_same: type === 'ticker' ? price.same : null,
  };
}

/** What is not as it should be. */
export function streamFindings(watch: StreamWatch): LiveFinding[] {
  const { exchange, type, rejected, unknown, refused, breaks, rows } = watch;
  const found = (
    kind: LiveFinding['kind'],
    count: number,
    told: string,
    code: string | null = null,
  ): LiveFinding => ({ kind, exchange: exchange.id, request_type: type, code, count, told });
  const out: LiveFinding[] = [];
  if (rows === 0) out.push(found('silent', watch.frames, `no row came in ${watch.frames} frames`));
  for (const [reason, count] of rejected) out.push(found('rejected', count, reason));
  for (const [key, count] of unknown) out.push(found('keys', count, `frames have the unknown key ${key}`));
  for (const [code, reason] of refused) out.push(found('refused', 1, reason, code));
  for (const [name, count] of breaks) {
    const [cause, code] = name.split(' ') as [LiveFinding['kind'], string];
    out.push(found(cause, count, BROKE[cause] ?? 'the book broke', code));
  }
  for (const code of watch.codes.values())
    for (const { kind, count, told } of codeFindings(watch, code))
      out.push(found(kind, count, told, code.market.code));
  return out;
}

const BROKE: Readonly<Record<string, string>> = {
  checksum: 'the checksum of the exchange is not that of the book',
  sequence: 'changes of the book are missing between two that came',
  crossed: 'the book was crossed for longer than it may be',
};

type Found = Pick<LiveFinding, 'kind' | 'count' | 'told'>;

function codeFindings({ type, cuts }: StreamWatch, { trades, book, price }: CodeWatch): Found[] {
  const out: Found[] = [];
  if (trades) {
    const { different, absent, extra, breaks } = trades.verdict(cuts);
    if (different.length > 0)
      out.push({ kind: 'differs', count: different.length, told: diffWords(different) });
    if (absent.length > 0)
      out.push({ kind: 'absent', count: absent.length, told: `REST does not have ${ids(absent)}` });
    if (extra.length > 0)
      out.push({ kind: 'extra', count: extra.length, told: `the socket did not bring ${ids(extra)}` });
    if (breaks.length > 0) out.push({ kind: 'ids', count: breaks.length, told: breakWords(breaks) });
  }
  const wrong = book?.verdict.wrong;
  if (wrong) {
    const [first] = wrong.differences;
    const level =
      first && `${first.side} ${first.price}: ${first.live ?? 'none'}, on REST ${first.rest ?? 'none'}`;
    const told = `${wrong.different} of ${wrong.compared} levels differ from REST, the first ${level}`;
    out.push({ kind: 'book', count: wrong.different, told });
  }
  if (type === 'ticker' && price.foreign.length > 0) {
    const told = `REST says ${price.foreign.slice(0, NAMED).join(', ')}, which did not come over the socket`;
    out.push({ kind: 'price', count: price.foreign.length, told });
  }
  return out;
}

function diffWords(different: readonly Difference[]): string {
  const fields = [...new Set(different.flatMap((one) => one.fields))].join(', ');
  const some = different.slice(0, NAMED).map(({ live, rest, fields: own }) => {
    const values = own.map((field) => `${field} ${toldOf(live, field)}, on REST ${toldOf(rest, field)}`);
    return `${live.trade_id}: ${values.join('; ')}`;
  });
  return `other ${fields} on REST: ${some.join(' | ')}`;
}

function toldOf(trade: Trade, field: string): string {
  if (field === 'time') return String(trade.timestamp);
  return String(trade[field as 'price' | 'volume' | 'side']);
}

function breakWords(breaks: readonly IdBreak[]): string {
  const some = breaks.slice(0, NAMED).map(({ before, after }) => `${before.trade_id} to ${after.trade_id}`);
  return `ids do not go on one by one: from ${some.join(', ')}`;
}

function ids(trades: readonly Trade[]): string {
  const more = trades.length > NAMED ? ` and ${trades.length - NAMED} more` : '';
  return `${trades
    .slice(0, NAMED)
    .map(({ trade_id }) => trade_id)
    .join(', ')}${more}`;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0);
}
