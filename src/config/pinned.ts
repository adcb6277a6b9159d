import type { MarketLists } from '../application/market-lists.ts';
import { type DesiredStream, emptyStream } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Settings } from './settings.ts';

export async function pinnedStreams(
  settings: Settings,
  exchanges: readonly Exchange[],
  lists: MarketLists,
): Promise<DesiredStream[]> {
  const out: DesiredStream[] = [];
  for (const { exchange: id, type, symbols } of settings.streams) {
    const exchange = exchanges.find((one) => one.id === id);
    if (!exchange) continue;
    await lists.ensure(id);
    const codes = symbols.includes('*')
      ? lists
          .of(id)
          .all()
          .map(({ symbol }) => symbol)
      : symbols;
    const size = exchange.limits.codesPerSocket;
    const shards = Array.from({ length: Math.ceil(codes.length / size) }, (_, i) =>
      codes.slice(i * size, (i + 1) * size),
    );
    for (const request_type of type)
      out.push({
        ...emptyStream({ exchange: id, request_type }),
        version: 1,
        codes,
        pinned: symbols,
        shards,
      });
  }
  return out;
}
