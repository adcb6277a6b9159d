import { upbit } from '../../exchanges/upbit.ts';
import type { ExchangeOffer } from '../../src/application/commands/desired-writer.ts';
import { CommandIntake } from '../../src/application/commands/intake.ts';
import type { CommandRecord } from '../../src/application/commands/intake-messages.ts';
import type { DeadLetter } from '../../src/application/reporting/reporter.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import { HostBreakers } from '../../src/application/streams/host-breakers.ts';
import { createLog } from '../../src/common/log.ts';
import type { DesiredStream } from '../../src/core/desired/stream.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';

export const KEY = { exchange: 'upbit', request_type: 'ticker' } as const;
export const TARGET = { exchange: 'upbit', region: 'korea', request_type: 'ticker' };
const LISTED = ['KRW-BTC', 'KRW-ETH', 'BTC-ETH'];
const FIGURES = { failureThreshold: 5, windowMs: 1, openMs: 1, halfOpenMaxCalls: 1, successThreshold: 1 };

/** An intake over a store in memory, with all that it tells. */
export interface IntakeRig {
  readonly clock: ManualClock;
  readonly store: StateStore;
  markets: Markets;
  readonly events: StreamEvent[];
  readonly faults: string[];
  readonly letters: DeadLetter[];
  readonly changed: DesiredStream[];
  /** What the broker does with what is published. */
  broker: () => Promise<void>;
  /** How often a market list was waited for. */
  ensured: number;
  intake: CommandIntake;
  make(over?: { store?: StateStore; offers?: ExchangeOffer[] }): CommandIntake;
  record(value: unknown, more?: Partial<CommandRecord>): CommandRecord;
  command(action: string, symbols?: string[], more?: object): CommandRecord;
}

export function intakeRig(): IntakeRig {
  const clock = new ManualClock();
  const store = memoryStore(clock);
  const markets = new Markets(upbit.markets.split);
  markets.replace(LISTED.map((symbol) => ({ symbol, base: symbol.slice(4), quote: symbol.slice(0, 3) })));
  let offset = 0;
  const told = {
    events: [] as StreamEvent[],
    faults: [] as string[],
    letters: [] as DeadLetter[],
    changed: [] as DesiredStream[],
  };
  const rig = {
    clock,
    store,
    markets,
    ...told,
    broker: async () => {},
    ensured: 0,
    make(over: { store?: StateStore; offers?: ExchangeOffer[] } = {}): CommandIntake {
      const offers = over.offers ?? [{ exchange: upbit, enabled: true, url: null, allowedHosts: [] }];
      const kept = over.store ?? store;
      return new CommandIntake({
        store: kept,
        group: 'g',
        offers: new Map(offers.map((offer) => [offer.exchange.id, offer])),
        lists: {
          of: () => rig.markets,
          ensure: async () => {
            rig.ensured++;
            return rig.markets.known;
          },
        },
        marketTimeoutMs: 5000,
        breakers: new HostBreakers({ store: kept.breakers, figures: FIGURES, clock, onChange: () => {} }),
        reporter: {
          event: (event) => {
            rig.events.push(event);
            return rig.broker();
          },
          deadLetter: (letter) => {
            rig.letters.push(letter);
            return rig.broker();
          },
          error: ({ code }) => rig.faults.push(code),
        },
        clock,
        log: createLog('silent', false),
        streamStatus: () => ({ state: 'live' }),
        onDesiredChanged: (stream) => rig.changed.push(stream),
      });
    },
    record(value: unknown, more: Partial<CommandRecord> = {}): CommandRecord {
      return {
        topic: 'ws.command',
        partition: 0,
        offset: offset++,
        timestampMs: Math.floor(clock.micros() / 1000),
        key: new TextEncoder().encode('korea|upbit|ticker'),
        value: value === null ? null : new TextEncoder().encode(JSON.stringify(value)),
        ...more,
      };
    },
    command(action: string, symbols?: string[], more: object = {}): CommandRecord {
      return rig.record({ type: 'command', action, target: TARGET, symbols, correlation_id: 'c-1', ...more });
    },
  };
  return Object.assign(rig, { intake: rig.make() });
}
