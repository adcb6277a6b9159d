import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { addressText, createClient, type RedisAddress, type RedisClient } from './client.ts';

/** One way to run a Redis command; fails with the Fault `redis_unavailable` and with nothing else. */
export type RunCommand = (command: string, ...args: (string | number)[]) => Promise<unknown>;

const NEVER_THERE =
  'Start it, or mend REDIS_URL (address, user, password, TLS). For a trial without Redis: --set state.driver=memory.';
const GONE = 'Check that it runs; streams go on, commands wait in Kafka.';

/**
 * The connection to Redis: one for commands, one for the nudges. It knows whether Redis is there, and turns whatever
 * goes wrong into one kind of Fault.
 */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #channel: string;
  readonly #listeners = new Set<(available: boolean) => void>();
  readonly #readers = new Set<(message: string) => void>();
  #available = false;
  #wasThere = false;
  #lastError = 'no connection yet';

  /** @param channel what `onMessage` listens to */
  constructor(address: RedisAddress, channel: string, clock: Clock) {
    this.#client = createClient(address);
    this.#subscriber = createClient(address);
    this.#clock = clock;
    this.#address = addressText(address);
    this.#channel = channel;
    this.#client.on('ready', () => this.#became(true));
    for (const event of ['close', 'end', 'reconnecting']) this.#client.on(event, () => this.#became(false));
    this.#client.on('error', (error: Error) => this.#failed(error));
    this.#subscriber.on('error', () => {
      // The poll makes good what no nudge says.
    });
    this.#subscriber.on('ready', () => {
      this.#subscriber.subscribe(this.#channel).catch(() => {});
    });
    this.#subscriber.on('message', (_channel: string, message: string) => {
      for (const reader of this.#readers) reader(message);
    });
  }

  get available(): boolean {
    return this.#available;
  }

  /** @throws Fault redis_unavailable after `timeoutMs` without an answer */
  async start(timeoutMs: number): Promise<void> {
    this.#client.connect().catch((error: unknown) => this.#failed(error));
    this.#subscriber.connect().catch(() => {});
    let cancel: Cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#clock.after(timeoutMs, () => resolve(false));
    });
    const there = await Promise.race([this.whenAvailable().then(() => true), late]);
    cancel();
    if (!there) throw this.#fault(`did not answer within ${timeoutMs} ms: ${this.#lastError}.`);
  }

  stop(): void {
    this.#client.disconnect();
    this.#subscriber.disconnect();
  }

  onAvailability(listener: (available: boolean) => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  whenAvailable(): Promise<void> {
    if (this.#available) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.onAvailability((available) => {
        if (!available) return;
        cancel();
        resolve();
      });
    });
  }

  onMessage(reader: (message: string) => void): Cancel {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  readonly run: RunCommand = async (command, ...args) => {
    if (!this.#available) throw this.#fault(`is away: ${this.#lastError}.`);
    try {
      return await this.#client.call(command, ...args);
    } catch (error) {
      this.#failed(error);
      this.#doubt(error);
      throw this.#fault(`failed at ${command}: ${messageOf(error)}.`, error);
    }
  };

  /** Whether an error means that Redis is away; the client's `ready` says when it is back. */
  #doubt(error: unknown): void {
    // All that was under way fails at once; the first of it has seen to it.
    if (!this.#available) return;
    // A server that is connected but silent: only a new connection can tell.
    if (messageOf(error).includes('timed out')) this.#client.disconnect(true);
    else if (this.#client.status === 'ready') return;
    this.#became(false);
  }

  #became(available: boolean): void {
    if (this.#available === available) return;
    this.#available = available;
    this.#wasThere ||= available;
    for (const listener of this.#listeners) listener(available);
  }

  #failed(error: unknown): void {
    this.#lastError = messageOf(error) || this.#lastError;
  }

  #fault(what: string, cause?: unknown): Fault {
    const remedy = this.#wasThere ? GONE : NEVER_THERE;
    return new Fault('redis_unavailable', this.#address, `Redis ${what}`, remedy, cause);
  }
}
