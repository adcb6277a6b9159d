import type { Market, Micros } from './market.ts';
import type { Side, StreamType, Trade } from './rows.ts';

/** What an exchange says of a trade. */
export interface TradeFacts {
  readonly market: Market;
  readonly timestamp: Micros;
  readonly received_at: Micros;
  /** `REALTIME` unless given. */
  readonly stream_type?: StreamType;
  readonly trade_id: string;
  /** 1 unless given. */
  readonly fills?: number;
  readonly price: number;
  readonly volume: number;
  readonly side: Side;
}

/** A row of a trade. */
export function tradeRow(facts: TradeFacts): Trade {
  const { price, volume } = facts;
  return {
    kind: 'trade',
    market: facts.market,
    timestamp: facts.timestamp,
    received_at: facts.received_at,
    stream_type: facts.stream_type ?? 'REALTIME',
    trade_id: facts.trade_id,
    fills: facts.fills ?? 1,
    price,
    volume,
    amount: price * volume,
    side: facts.side,
  };
}
