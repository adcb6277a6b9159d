import { Audit, type DataValue } from '../../src/core/audit/audit.ts';
import type { AuditRow, TradeIds } from '../../src/core/audit/code-audit.ts';
import type { AuditReport } from '../../src/core/audit/findings.ts';

/** Epoch µs; the whole of a minute. */
export const START = 1_790_000_040_000_000;
const MS = 1000;

export const IDS: Readonly<Record<string, TradeIds>> = {
  binance: 'consecutive',
  coinone: 'increasing',
  upbit: 'unordered',
};

/** A message of a data topic. */
export interface Told {
  readonly headers: Record<string, string>;
  readonly value: DataValue;
}

/** A trade that happened and was received `atMs` after the start. */
export function trade(id: number | string, atMs: number, more: Partial<AuditRow> = {}): AuditRow {
  const timestamp = START + atMs * MS;
  return {
    ...{ timestamp, received_at: timestamp + 40 * MS, stream_type: 'REALTIME', trade_id: String(id) },
    ...more,
  };
}

export function ticker(atMs: number, more: Partial<AuditRow> = {}): AuditRow {
  const timestamp = START + atMs * MS;
  return { timestamp, received_at: timestamp + 40 * MS, stream_type: 'REALTIME', ...more };
}

let tickets = 0;

/** One message of one code. */
export function message(
  exchange: string,
  type: string,
  data: readonly AuditRow[],
  headers: Record<string, string> = {},
  code = 'USDT-BTC',
): Told {
  const ticket_id = `ticket ${++tickets}`;
  const identity = { exchange, region: 'asia', request_type: type, symbol: code, code };
  return { headers, value: { ticket_id, ...identity, data } };
}

/** A gap record as it lies in `ws.event`. Times are ms after the start. */
export function gap(
  exchange: string,
  cause: string,
  fromMs: number,
  toMs: number | null,
  more: Readonly<Record<string, unknown>> = {},
  detail: Readonly<Record<string, unknown>> | null = null,
) {
  return {
    kind: 'gap',
    target: { exchange, request_type: 'trade' },
    gap: {
      ...{
        gap_id: `gap ${++tickets}`,
        from: START + fromMs * MS,
        to: toMs === null ? null : START + toMs * MS,
        cause,
      },
      ...{ codes: ['USDT-BTC'], first_missing_id: null, last_missing_id: null, fill: null },
      ...more,
    },
    detail,
  };
}

export function minute(exchange: string, type: string, nth: number, made: number, acknowledged = made) {
  const item = {
    minute_start_ts_kst: START / 1_000_000 + 60 * nth,
    total_processed: made,
    total_acknowledged: acknowledged,
  };
  return {
    ...{ exchange, region: 'asia', request_type: type },
    batch: { ticket_id: `ticket ${++tickets}`, items: [item] },
  };
}

export interface Seen {
  readonly events?: readonly Parameters<Audit['event']>[0][];
  readonly minutes?: readonly Parameters<Audit['minutes']>[0][];
  readonly messages?: readonly Told[];
}

/** Reads all of it as `audit` does. Times bound the interval, in ms after the start. */
export function audited(
  { events = [], minutes = [], messages = [] }: Seen,
  fromMs?: number,
  toMs?: number,
): AuditReport {
  const audit = new Audit({
    from: fromMs === undefined ? null : START + fromMs * MS,
    to: toMs === undefined ? null : START + toMs * MS,
    tradeIds: (exchange) => IDS[exchange] ?? null,
    types: ['ticker', 'trade', 'orderbook'],
  });
  for (const one of events) audit.event(one, 0);
  for (const one of minutes) audit.minutes(one, 0);
  for (const { headers, value } of messages)
    audit.data(`${value.request_type} ${value.exchange}|${value.code}`, headers, value);
  return audit.report();
}

/** What is unexplained: kind and ids. */
export function named(report: AuditReport): string[] {
  return report.findings.map(({ kind, first_id, last_id }) =>
    [kind, ...(first_id === null ? [] : [first_id === last_id ? first_id : `${first_id}-${last_id}`])].join(
      ' ',
    ),
  );
}
