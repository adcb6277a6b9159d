import type { World } from '../world.ts';
import type { Fault } from './fault.ts';

const IN_MAINTENANCE = ['binance', 'korbit'];
const REFUSING = ['huobi', 'bithumb', 'kraken', 'bybit'];
const REFUSED_CODES = 5;

/** Whole exchanges end their sockets and let nobody in, on WebSocket and REST alike. */
export function maintenance(): Fault {
  return {
    name: 'maintenance',
    lasts: 30,
    least: 18,
    calm: 30,
    expects: 'told',
    delays: 'none',
    async begin({ simulator }) {
      for (const exchange of IN_MAINTENANCE) {
        await simulator.do({ do: 'refuse-open', exchange, status: 503 });
        await simulator.do({ do: 'rest', exchange, status: 503 });
        await simulator.do({ do: 'close', exchange, code: 1001, reason: 'maintenance' });
      }
    },
    async end({ simulator }) {
      for (const exchange of IN_MAINTENANCE) {
        await simulator.do({ do: 'rest', exchange });
        await simulator.do({ do: 'allow-open', exchange });
      }
    },
  };
}

/** Some codes are refused when they are subscribed anew after a cut, and served again later. */
export function refusals(): Fault {
  return {
    name: 'refusals',
    lasts: 30,
    least: 18,
    calm: 35,
    expects: 'told',
    delays: 'none',
    async begin(world) {
      await eachRefused(world, 'refuse');
      for (const exchange of REFUSING) await world.simulator.do({ do: 'cut', exchange });
    },
    end: (world) => eachRefused(world, 'serve'),
  };
}

async function eachRefused({ simulator }: World, how: 'refuse' | 'serve'): Promise<void> {
  for (const exchange of REFUSING)
    for (const symbol of simulator.exchanges[exchange]?.symbols.slice(3, 3 + REFUSED_CODES) ?? [])
      await simulator.do({ do: how, exchange, symbol });
}
