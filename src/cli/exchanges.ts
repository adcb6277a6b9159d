import { EXCHANGES } from '../../exchanges/index.ts';
import { EXIT } from '../common/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import { socketCodes } from '../core/socket-codes.ts';
import { readArgs } from './args.ts';
import type { Command } from './command.ts';

/** `exchanges [--json]` */
export const exchanges: Command = {
  name: 'exchanges',
  summary: 'what is supported: exchanges, types, limits',
  usage: `kor-coin-stream exchanges [--json]

Every exchange of this build: region, types, how subscriptions are confirmed, codes per socket, how trade ids run, which order books settings may choose.
--json prints one object a line.`,
  async run(args) {
    const rows = EXCHANGES.map(row);
    if (readArgs('exchanges', args, { json: 'boolean' }).has('json')) {
      for (const one of rows) console.log(JSON.stringify(one));
    } else {
      console.table(rows);
    }
    return EXIT.ok;
  },
};

function row(exchange: Exchange) {
  return {
    exchange: exchange.id,
    region: exchange.region,
    types: exchange.types.join(','),
    confirms: exchange.confirms,
    codes_per_socket: exchange.limits.codesPerSocket,
    books_per_socket: socketCodes(exchange, 'orderbook'),
    trade_ids: exchange.tradeIds,
    orderbooks: exchange.orderbooks?.choices.join(' ') ?? '',
    endpoint: exchange.types
      .map((type) => exchange.endpoint(type))
      .filter((url, i, all) => all.indexOf(url) === i)
      .join(' '),
  };
}
