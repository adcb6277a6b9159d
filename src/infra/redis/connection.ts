import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { type Beat, beatOf, isReply, runBeat } from './beat.ts';
import { addressText, createClient, type RedisAddress, type RedisClient } from './client.ts';

/** One way to run a Redis command; fails with the Fault `redis_unavailable` and with nothing else. */
export type RunCommand = (command: string, ...args: (string | number)[]) => Promise<unknown>;

const NEVER_THERE =
  'Start it, or mend REDIS_URL (address, user, password, TLS). For a trial without Redis: --set state.driver=memory.';
const GONE = 'Check that it runs; streams go on, commands wait in Kafka.';
const REFUSES =
  'Mend what Redis says of itself (memory, disk, role, permissions); streams go on, commands wait in Kafka.';

/** How often it is proven that Redis takes writes. */
const BEAT_MS = 2000;
/** While it is not proven. */
const RETRY_MS = 500;
/** An answer that takes longer is none. Two looks must find it so: what lay here unread comes between them. */
const SILENT_MS = 4000;

/**
 * The connection to Redis: one for commands, one for the nudges. Redis is there when it took a write lately, not when
 * it is connected: one that is full, read-only, busy or forbids is as much away as one that is silent. Whatever goes
 * wrong is one kind of Fault, in Redis's own words.
 */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #prefix: string;
  readonly #listeners = new Set<(available: boolean) => void>();
  readonly #readers = new Set<(message: string) => void>();
  readonly #losses = new Set<() => void>();
  #connected = false;
  /** The connection was given up, and is not closed yet. */
  #leaving = false;
  #available = false;
  #wasThere = false;
  /** Why a write is refused, in Redis's words; null where the last one was taken, or nothing was said. */
  #refusal: string | null = null;
  #lastError = 'no connection yet';
  #epoch: string | null = null;
  /** When the beat began that waits for its answer, and how many looks found it too old. */
  #beat: { readonly sinceMs: number; late: number } | null = null;
  #next: Cancel = () => {};
  #stopped = false;
  /** Whether Redis counts our subscription to the nudges. */
  #subscribed = false;

  /** @param prefix of every key and channel; `nudge` after it is what `onMessage` listens to */
  constructor(address: RedisAddress, prefix: string, clock: Clock) {
    this.#client = createClient(address, clock);
    this.#subscriber = createClient(address, clock);
    this.#clock = clock;
    this.#address = addressText(address);
    this.#prefix = prefix;
    this.#client.on('ready', () => this.#connects(true));
    for (const event of ['close', 'end', 'reconnecting']) this.#client.on(event, () => this.#connects(false));
    this.#client.on('error', (error: Error) => {
      if (!this.#connected && !isReply(error)) this.#refusal = null;
      this.#failed(error);
    });
    this.#subscriber.on('error', () => {
      // The poll makes good what no nudge says.
    });
    this.#subscriber.on('ready', () => {
      this.#subscriber.subscribe(`${prefix}nudge`).then(
        () => {
          this.#subscribed = true;
        },
        () => {},
      );
    });
    for (const event of ['close', 'end', 'reconnecting'])
      this.#subscriber.on(event, () => {
        this.#subscribed = false;
      });
    this.#subscriber.on('message', (_channel: string, message: string) => {
      for (const reader of this.#readers) reader(message);
    });
  }

  /** Whether Redis took a write lately. */
  get available(): boolean {
    return this.#available;
  }

  /** Why it cannot be used, in its own words; null where it can. */
  get reason(): string | null {
    if (this.#available) return null;
    return this.#refusal ?? (this.#connected ? 'Redis does not answer' : this.#lastError);
  }

  /** Why it takes no writes, in its own words, where it answers nothing else; null where it takes them, or is silent. */
  get refusal(): string | null {
    return this.#available ? null : this.#refusal;
  }

  /** Whether Redis counts this process among those that listen to nudges. */
  get subscribed(): boolean {
    return this.#subscribed;
  }

  /**
   * Resolves when Redis answers, also where it answers that it takes no writes.
   * @throws Fault redis_unavailable after `timeoutMs` without an answer
   */
  async start(timeoutMs: number): Promise<void> {
    this.#client.connect().catch((error: unknown) => this.#failed(error));
    this.#subscriber.connect().catch(() => {});
    const deadline = this.#clock.now() + timeoutMs;
    while (!this.#available && this.#refusal === null) {
      if (this.#clock.now() >= deadline)
        throw this.#fault(`did not answer within ${timeoutMs} ms: ${this.#lastError}.`);
      await new Promise<void>((resolve) => void this.#clock.after(20, resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#next();
    this.#client.disconnect();
    this.#subscriber.disconnect();
  }

  onAvailability(listener: (available: boolean) => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back when Redis turns out to have forgotten: another life of its memory began. */
  onLoss(listener: () => void): Cancel {
    this.#losses.add(listener);
    return () => void this.#losses.delete(listener);
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

  /** Proves that Redis takes writes, now. @throws Fault redis_unavailable */
  async beat(): Promise<Beat> {
    const beat = beatOf(await runBeat(this.run, this.#prefix));
    if (beat === null) throw this.#fault('gave an answer that is none.');
    if (this.#epoch !== null && this.#epoch !== beat.epoch) for (const listener of this.#losses) listener();
    this.#epoch = beat.epoch;
    return beat;
  }

  readonly run: RunCommand = async (command, ...args) => {
    // Where it is connected and refuses writes, reads may do.
    if (!this.#connected) throw this.#fault(`is away: ${this.#lastError}.`);
    if (!this.#available && this.#refusal === null && this.#wasThere && !this.#beating(args))
      throw this.#fault('does not answer.');
    try {
      return await this.#client.call(command, ...args);
    } catch (error) {
      this.#failed(error);
      this.#doubt(error);
      throw this.#fault(`failed at ${command}: ${messageOf(error)}.`, error);
    }
  };

  /** Only the beat asks a Redis that does not answer. */
  #beating(args: readonly (string | number)[]): boolean {
    return args[2] === `${this.#prefix}epoch`;
  }

  #connects(connected: boolean): void {
    this.#connected = connected;
    this.#leaving = false;
    this.#beat = null;
    if (connected) this.#look();
    else this.#became(false);
  }

  /** Sends the next beat, or looks how old the one is that is under way. */
  #look(): void {
    this.#next();
    if (this.#stopped || !this.#connected) return;
    const nowMs = this.#clock.now();
    if (!this.#beat) this.#prove({ sinceMs: nowMs, late: 0 });
    else if (nowMs - this.#beat.sinceMs > SILENT_MS && ++this.#beat.late > 1) {
      this.#refusal = null;
      this.#became(false);
    }
    this.#next = this.#clock.after(this.#available && !this.#beat?.late ? BEAT_MS : RETRY_MS, () =>
      this.#look(),
    );
  }

  #prove(own: { readonly sinceMs: number; late: number }): void {
    this.#beat = own;
    this.beat()
      .then(
        () => {
          if (this.#beat !== own) return;
          this.#refusal = null;
          this.#became(true);
        },
        (error: unknown) => {
          const cause = error instanceof Fault ? error.cause : null;
          if (isReply(cause)) {
            this.#refusal = cause.message;
            this.#became(false);
          } else if (this.#beat === own) this.#became(false);
        },
      )
      .finally(() => {
        if (this.#beat === own) this.#beat = null;
      });
  }

  /** Whether an error means that Redis cannot be used: the next beat says so, and when it is over. */
  #doubt(error: unknown): void {
    // A server that is connected but silent: only a new connection can tell.
    if (messageOf(error).includes('timed out')) {
      this.#became(false);
      // Of all the commands that time out with it, the first one ends the connection.
      if (this.#connected && !this.#leaving) this.#client.disconnect(true);
      this.#leaving = this.#connected;
    } else if (this.#client.status !== 'ready') this.#became(false);
    else if (this.#available && isReply(error) && !this.#beat) this.#look();
  }

  #became(available: boolean): void {
    if (this.#available === available) return;
    this.#available = available;
    this.#wasThere ||= available;
    for (const listener of this.#listeners) listener(available);
  }

  #failed(error: unknown): void {
    const words = messageOf(error);
    // What closes a connection says more than that it is closed.
    if (words !== '' && !words.startsWith('Connection is closed')) this.#lastError = words;
  }

  #fault(what: string, cause?: unknown): Fault {
    const remedy = this.#refusal !== null ? REFUSES : this.#wasThere ? GONE : NEVER_THERE;
    return new Fault('redis_unavailable', this.#address, `Redis ${what}`, remedy, cause);
  }
}
