import type { Exchange } from '../exchange.ts';
import { type Apart, isOff, surest } from './clock-apart.ts';
import type { LiveExchange, LiveFinding } from './findings.ts';
import { streamFindings, streamReport } from './judge.ts';
import type { StreamWatch } from './stream-watch.ts';

/** Problems of REST that are told. */
const MOST_TOLD = 20;

/** What was seen of one exchange. */
export class ExchangeWatch {
  readonly exchange: Exchange;
  readonly streams: StreamWatch[] = [];
  readonly clocks: Apart[] = [];
  readonly notes = new Set<string>();
  /** Why neither its market list nor a socket was to be had; null while it is not known to be so. */
  unreachable: string | null = null;
  readonly #restFailures = new Set<string>();

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** An answer of REST that is none. */
  restFailed(what: string): void {
    if (this.#restFailures.size < MOST_TOLD) this.#restFailures.add(what);
  }

  get reached(): boolean {
    return this.streams.some(({ frames }) => frames > 0);
  }

  get report(): LiveExchange {
    const clock = surest(this.clocks);
    return {
      exchange: this.exchange.id,
      reached: this.reached,
      clock_ms: clock && clock.offset / 1000,
      clock_unsure_ms: clock && Math.ceil(clock.unsure / 1000),
      streams: this.streams.map(streamReport),
      notes: [...this.notes, ...this.streams.flatMap(({ notes }) => [...notes]), ...this.#uncompared()],
    };
  }

  /** Streams that brought rows of which nothing was held against REST: nobody is to take them for proved. */
  #uncompared(): string[] {
    return this.streams.map(streamReport).flatMap(({ request_type, rows, codes }) => {
      const compared = codes.some(
        ({ trades_same, books, prices_same }) => trades_same || books || prices_same,
      );
      return rows === 0 || compared ? [] : [`nothing of ${request_type} was held against REST`];
    });
  }

  get findings(): LiveFinding[] {
    const { id } = this.exchange;
    const whole = { exchange: id, request_type: null, code: null, count: 1 };
    if (!this.reached) {
      const told = this.unreachable ?? 'no frame came';
      return [{ ...whole, kind: 'unreachable', told }];
    }
    const clock = surest(this.clocks);
    const off: LiveFinding[] =
      clock && isOff(clock)
        ? [
            {
              ...whole,
              kind: 'clock',
              told: `its clock is ${Math.round(clock.offset / 1000)} ms ahead of ours`,
            },
          ]
        : [];
    const rest = [...this.#restFailures].map((told): LiveFinding => ({ ...whole, kind: 'rest', told }));
    return [...off, ...rest, ...this.streams.flatMap(streamFindings)];
  }
}
