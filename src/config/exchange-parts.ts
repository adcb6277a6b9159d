import type { MarketLists } from '../application/markets/market-lists.ts';
import type { OpenTimes } from '../application/state-store.ts';
import { SharedOpens } from '../application/streams/shared-opens.ts';
import type { ExchangeDeps } from '../application/streams/stream-parts.ts';
import type { Clock } from '../common/clock.ts';
import { rewriteAddress } from '../core/address.ts';
import { LimitedGate, type OpenBreaker } from '../core/connection/open-gate.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Micros } from '../core/market/market.ts';
import type { SocketOptions } from '../core/ports.ts';
import { machineFacts, machineName } from '../infra/process/machine.ts';
import { fetchJson } from '../infra/rest/fetch-json.ts';
import { readPem } from './pem.ts';
import { proxyOf } from './proxy.ts';
import type { Rest } from './rest.ts';
import { exchangeSettings, type Settings } from './settings.ts';

/** The exchanges that the settings leave enabled, with the settings' own limits in place of larger ones. */
export function enabledExchanges(exchanges: readonly Exchange[], settings: Settings): Exchange[] {
  return exchanges.flatMap((exchange) => {
    const { enabled, codes_per_socket } = exchangeSettings(settings, exchange.id);
    if (!enabled) return [];
    if (codes_per_socket === null || codes_per_socket >= exchange.limits.codesPerSocket) return [exchange];
    return [{ ...exchange, limits: { ...exchange.limits, codesPerSocket: codes_per_socket } }];
  });
}

/**
 * GETs a market list document of an exchange, by the address, proxy and authority that the settings give it.
 * @param rest where the request waits for its turn; left out: it does not
 * @param dated told of the time that an answer bears (epoch ms), and between which of ours it was given (epoch µs)
 */
export function listFetcher(
  settings: Settings,
  clock: Clock,
  dated?: (exchange: string, ms: number, asked: Micros, answered: Micros) => void,
  rest?: Rest,
): (exchange: Exchange, url: string) => Promise<unknown> {
  return async (exchange, url) => {
    await rest?.listTurn(exchange);
    const { id } = exchange;
    const { rest_url, proxy, ca_file } = exchangeSettings(settings, id);
    const ca = readPem(`exchanges.${id}.ca_file`, ca_file);
    const asked = clock.micros();
    return fetchJson(rewriteAddress(url, rest_url), {
      clock,
      timeoutMs: settings.markets.timeout_ms,
      proxy,
      ca,
      dated: (ms, answered) => dated?.(id, ms, asked, answered),
    });
  };
}

/** How the sockets of an exchange are to be opened. @throws Fault config_unreadable where a certificate file cannot be read */
export function socketOptions({ id, types, endpoint }: Exchange, settings: Settings): SocketOptions {
  const { url, ca_file, local_address, proxy } = exchangeSettings(settings, id);
  const [type = 'ticker'] = types;
  return {
    proxy: proxy ?? proxyOf(rewriteAddress(endpoint(type), url), process.env),
    ca: readPem(`exchanges.${id}.ca_file`, ca_file),
    localAddress: local_address,
  };
}

/**
 * What the streams of each exchange share, made when first asked for.
 * @param opens where opens are remembered over restarts; null: nowhere
 * @throws Fault config_unreadable where a certificate file cannot be read
 */
export function exchangeParts(
  exchanges: readonly Exchange[],
  settings: Settings,
  lists: MarketLists,
  clock: Clock,
  breaker: OpenBreaker,
  opens: OpenTimes | null,
  rest: Rest,
): (id: string) => Promise<ExchangeDeps> {
  const machine = machineName(machineFacts());
  const parts = new Map<string, ExchangeDeps>(
    exchanges.map((exchange) => {
      const socket = socketOptions(exchange, settings);
      const { url, orderbook } = exchangeSettings(settings, exchange.id);
      return [
        exchange.id,
        {
          exchange,
          markets: lists.of(exchange.id),
          gate: new LimitedGate(
            clock,
            exchange.limits,
            breaker,
            opens && new SharedOpens(opens, sourceOf(socket.proxy, socket.localAddress, machine), clock),
          ),
          socket,
          url,
          book: orderbook,
          fetchBook: rest.books(exchange),
        },
      ];
    }),
  );
  return async (id) => {
    await lists.ensure(id);
    const part = parts.get(id);
    if (!part) throw new Error(`${id} is not enabled`);
    return part;
  };
}

/**
 * Where an exchange sees our sockets come from, by a name that is the same after a restart. Two machines may have the
 * same private address, and a proxy on their own loopback.
 */
export function sourceOf(proxy: string | null, localAddress: string | null, machine: string): string {
  const url = proxy === null ? null : URL.parse(proxy);
  if (url && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) return url.host;
  const own = url?.host ?? localAddress;
  return own === null ? machine : `${own}@${machine}`;
}
