import { EXCHANGES } from '../../../exchanges/index.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { enabledExchanges, listFetcher, socketOptions } from '../../config/exchange-parts.ts';
import { exchangeSettings, type Settings } from '../../config/settings.ts';
import { rewriteAddress } from '../../core/address.ts';
import type { Exchange } from '../../core/exchange.ts';
import { bunSockets } from '../../infra/websocket/open-socket.ts';
import { doubt, type Found, type Look } from './look.ts';

/** A clock that is off by more makes latencies, and times of exchanges that send none, wrong, in ms. */
const CLOCK_OFF_MS = 1000;

/**
 * Whether each exchange can be reached, over REST and WebSocket, and how far the clocks are apart. One that no stream of
 * the configuration needs is worth a warning and no more.
 */
export function exchangeLooks(settings: Settings): Look[] {
  const needed = new Set(settings.streams.map(({ exchange }) => exchange));
  return enabledExchanges(EXCHANGES, settings).map((exchange) => {
    // All at once: nobody wants to wait for eleven.
    const reached = lookAt(exchange, settings, systemClock).catch((error: unknown) =>
      unreachable(exchange, error),
    );
    return {
      name: exchange.id,
      async look() {
        const found = await reached;
        if (!(found instanceof Fault)) return found;
        if (needed.has(exchange.id)) throw found;
        return doubt(found);
      },
    };
  });
}

async function lookAt(exchange: Exchange, settings: Settings, clock: Clock): Promise<Found> {
  let offsetMs: number | null = null;
  let unsureMs = 0;
  const fetchList = listFetcher(settings, clock, (_, theirsMs, asked, answered) => {
    offsetMs = theirsMs + 500 - (asked + answered) / 2000;
    // It looked at its clock some time between the two.
    unsureMs = (answered - asked) / 2000;
  });
  const [listed, openMs] = await Promise.all([
    (async () => {
      const bodies: unknown[] = [];
      for (const url of exchange.markets.urls) bodies.push(await fetchList(exchange, url));
      return exchange.markets.parse(bodies).length;
    })(),
    openOnce(exchange, settings, clock),
  ]);
  const apart = offsetMs === null ? '' : `, its clock ${offsetMs < 0 ? '' : '+'}${Math.round(offsetMs)} ms`;
  const off = offsetMs !== null && Math.abs(offsetMs) - unsureMs > CLOCK_OFF_MS;
  const words = `${listed} markets, a socket opens in ${Math.round(openMs)} ms${apart}`;
  return { words: off ? `${words}: is this machine's clock kept by NTP?` : words, doubtful: off };
}

/** Opens a socket and closes it. @returns how long the opening took, in ms */
function openOnce(exchange: Exchange, settings: Settings, clock: Clock): Promise<number> {
  const { url } = exchangeSettings(settings, exchange.id);
  const [type = 'ticker'] = exchange.types;
  const address = rewriteAddress(exchange.endpoint(type), url);
  const began = clock.now();
  return new Promise((resolve, reject) => {
    const late = clock.after(settings.connection.open_timeout_ms, () => {
      socket.terminate();
      reject(new Error(`${address} did not open within ${settings.connection.open_timeout_ms} ms`));
    });
    const socket = bunSockets(clock)(address, socketOptions(exchange, settings), {
      opened: () => {
        late();
        resolve(clock.now() - began);
        socket.close();
      },
      frame: () => {},
      alive: () => {},
      ended: ({ status, reason }) => {
        late();
        reject(
          new Error(
            `${address}: ${status === null ? '' : `HTTP ${status} `}${withoutAddress(reason) || 'it closed at once'}`,
          ),
        );
      },
    });
  });
}

/** Bun names the address once more. */
function withoutAddress(reason: string): string {
  return reason.replace(/^WebSocket connection to '.*' failed: /, '');
}

function unreachable({ id }: Exchange, error: unknown): Fault {
  const remedy = 'Check network, DNS, firewall and proxy (HTTPS_PROXY, exchanges.ID.proxy).';
  return new Fault('exchange_unreachable', id, `It cannot be reached: ${messageOf(error)}.`, remedy, error);
}
