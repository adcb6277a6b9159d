import type { Cancel, Clock } from '../../common/clock.ts';
import { streamKey } from '../../core/desired/stream.ts';
import type { Target } from '../../core/events.ts';
import type { ActualStore, ActualStream } from '../state-store.ts';

export interface ActualStateDeps {
  readonly store: ActualStore;
  readonly clock: Clock;
  /** What runs here now, of the streams on which this collector has the word. */
  running(): readonly ActualStream[];
  /** Whether a stream that is not among those runs elsewhere: then it is for others to write, and not gone. */
  elsewhere(target: Target): boolean;
}

/** How often what runs is written although nothing changed: it keeps the keys alive. */
const REFRESH_MS = 30_000;
/** Changes that come together are one write. */
const GATHER_MS = 250;

/**
 * Keeps `ws:connection:*` as what runs here is: at once when it changes, and every 30 s for its life and the time of
 * the last data. A store that is away is let be; the next round makes it good.
 */
export class ActualState {
  readonly #deps: ActualStateDeps;
  readonly #written = new Map<string, ActualStream>();
  #cancelRefresh: Cancel = () => {};
  /** Null while no change waits to be written. */
  #cancelSoon: Cancel | null = null;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();

  constructor(deps: ActualStateDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#refreshLater();
  }

  /** Something changed: what is different is written shortly. */
  changed(): void {
    if (this.#cancelSoon || this.#stopped) return;
    this.#cancelSoon = this.#deps.clock.after(GATHER_MS, () => {
      this.#cancelSoon = null;
      this.#queue(false);
    });
  }

  /**
   * Marks what still runs as disconnected. The keys stay for their life, so that the next run knows since when
   * nothing was received.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRefresh();
    this.#cancelSoon?.();
    await this.#round;
    const last = this.#deps.running().map((stream) => ({ ...stream, status: 'disconnected' as const }));
    await Promise.allSettled(last.map((stream) => this.#deps.store.write(stream)));
  }

  /** A timer of its own: streams that change all the time must not keep the others from being refreshed. */
  #refreshLater(): void {
    this.#cancelRefresh = this.#deps.clock.after(REFRESH_MS, () => {
      this.#queue(true);
      this.#refreshLater();
    });
  }

  #queue(all: boolean): void {
    this.#round = this.#round.then(() => this.#write(all));
  }

  async #write(all: boolean): Promise<void> {
    const running = new Map(this.#deps.running().map((stream) => [streamKey(stream.target), stream]));
    const gone = [...this.#written].filter(
      ([key, { connectionId }]) => running.get(key)?.connectionId !== connectionId,
    );
    const due = [...running].filter(([key, stream]) => all || differs(this.#written.get(key), stream));
    await Promise.all([
      ...gone.map(([key, stream]) =>
        this.#attempt(async () => {
          if (!this.#deps.elsewhere(stream.target))
            await this.#deps.store.remove(stream.target, stream.connectionId);
          if (this.#written.get(key) === stream) this.#written.delete(key);
        }),
      ),
      ...due.map(([key, stream]) =>
        this.#attempt(async () => {
          if (await this.#deps.store.write(stream)) this.#written.set(key, stream);
        }),
      ),
    ]);
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      // The store says itself that it is away.
    }
  }
}

function differs(written: ActualStream | undefined, now: ActualStream): boolean {
  return (
    written === undefined ||
    written.connectionId !== now.connectionId ||
    written.status !== now.status ||
    written.symbols.length !== now.symbols.length ||
    written.symbols.some((symbol, at) => symbol !== now.symbols[at])
  );
}
