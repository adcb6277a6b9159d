import { type Cancel, type Clock, sleep } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { Kafka } from './addon/load.ts';
import { Breaker, type BreakerListener, type BreakerOptions } from './breaker.ts';
import type { LibrdkafkaOptions } from './client-options.ts';
import { connectFault, isHopeless } from './connect-fault.ts';
import type { Verdict } from './delivery-errors.ts';
import { Folded } from './folded.ts';
import { type Broker, Producer } from './producer.ts';
import { type Outgoing, SendQueue } from './send-queue.ts';
import { within } from './within.ts';

export interface LinkParts {
  readonly kafka: Kafka;
  readonly options: LibrdkafkaOptions;
  readonly breaker: BreakerOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every change of the breaker. */
  readonly onBreaker?: BreakerListener;
  /** Makes topics that are missing. */
  readonly repairTopics?: (producer: Producer) => Promise<unknown>;
}

const WATCH_MS = 1_000;
const PROBE_TIMEOUT_MS = 1_000;
/** An acknowledgement later than this counts as a failure, once a second: a frozen broker reports no error. */
const OVERDUE_MS = 10_000;
const CROWDED =
  'a broker finds requests too large, so they become smaller and slower: set batch.size in kafka.options below its ' +
  'max.message.bytes';
/** A deleted topic is made anew at most this often; in between its messages are refused. */
const REPAIR_EVERY_MS = 30_000;
const REPAIR_END_MS = 2_000;
/** librdkafka's words for the loss of every broker, told at each failed attempt to reach one. */
const ALL_DOWN = /all broker connections are down/i;
const FATAL = /fatal error/i;
/** syslog's severity from which librdkafka's own log is worth a warning. */
const WARNING = 4;

/** The line to the cluster: the producer, the queue before it, the breaker between the two, and what watches them. */
export class BrokerLink {
  readonly breaker: Breaker;
  readonly queue: SendQueue;
  readonly #parts: LinkParts;
  readonly #errors: Folded;
  readonly #breakerLog: Folded;
  #producer: Producer;
  #changedAt: number;
  #timer: Cancel | null = null;
  #probing = false;
  #renewing = false;
  /** Under way; null where nothing is repaired. */
  #repair: Promise<void> | null = null;
  #repairAgainAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  #statistics: string | null = null;
  #lastWarning: string | null = null;
  /** Producers that had to be replaced after a fatal error. */
  renewed = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#changedAt = clock.now();
    this.#errors = new Folded(clock, (text, times) =>
      log.warn({ phase: 'produce', times }, `Kafka client: ${text}`),
    );
    this.#breakerLog = new Folded(clock, (text, times) => log.warn({ phase: 'breaker', times }, text));
    this.breaker = new Breaker(parts.breaker, clock, (state, reason) => {
      this.#changedAt = clock.now();
      this.#breakerLog.say(`circuit breaker before Kafka is ${state.replace('_', ' ')}: ${reason}`);
      parts.onBreaker?.(state, reason);
      this.queue.pump();
    });
    this.queue = new SendQueue(
      (message, id) => this.#producer.produce(message, id),
      this.breaker,
      clock,
      (verdict, code) => this.#cameBack(verdict, code),
    );
    this.#producer = this.#newProducer();
  }

  /** The producer of now; another after a fatal error. */
  get producer(): Producer {
    return this.#producer;
  }

  /** librdkafka's latest statistics as JSON; null before the first. */
  get statistics(): string | null {
    return this.#statistics;
  }

  /** Returns when a broker answered. @throws {Fault} broker_unavailable after the time, config_invalid at once */
  async connect(timeoutMs: number): Promise<readonly Broker[]> {
    const brokers = await this.#connectWithin(timeoutMs);
    this.#watch();
    return brokers;
  }

  /**
   * Sends what there is and waits for its acknowledgement; what is left at the deadline is told `undelivered`.
   * @returns what was left
   */
  async flush(deadlineMs: number): Promise<readonly Outgoing[]> {
    void this.#producer.flush(deadlineMs);
    const drained = await within(deadlineMs, this.queue.drained(), this.#parts.clock);
    if (drained) return [];
    const left = this.queue.abandon();
    for (const message of left) message.undelivered();
    return left;
  }

  /** Ends it. What was not flushed before is told `undelivered`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const message of this.queue.abandon()) message.undelivered();
    this.#timer?.();
    this.breaker.stop();
    // Its requests run on this producer's connections and must not outlive them.
    if (this.#repair) await within(REPAIR_END_MS, this.#repair, this.#parts.clock);
    await this.#producer.close();
    this.#errors.flush();
    this.#breakerLog.flush();
  }

  #newProducer(): Producer {
    const producer = new Producer(this.#parts.kafka, this.#parts.options, {
      report: (id, code) => {
        if (producer === this.#producer) this.queue.report(id, code);
      },
      error: (text) => {
        if (producer === this.#producer) this.#failed(text);
      },
      log: (severity, text) => {
        if (severity <= WARNING) {
          this.#lastWarning = text;
          this.#errors.say(text);
        } else this.#parts.log.debug({ phase: 'produce' }, text);
      },
      statistics: (json) => {
        this.#statistics = json;
      },
    });
    return producer;
  }

  #failed(text: string): void {
    this.#errors.say(text);
    if (FATAL.test(text)) void this.#renew(text);
    else if (ALL_DOWN.test(text)) this.breaker.failure(text);
  }

  /** Whether what came back is to be tried again. */
  #cameBack(verdict: Verdict, code: number): boolean {
    if (verdict === 'no_topic') return this.#repairTopics();
    if (verdict === 'fatal') void this.#renew(`librdkafka's code ${code}`);
    else if (verdict === 'crowded') this.#errors.say(CROWDED);
    else this.#errors.say(`a broker refuses requests (code ${code}): their messages go out one by one`);
    return true;
  }

  /** Somebody deleted a topic: everything waits while it is made anew. False where that just failed. */
  #repairTopics(): boolean {
    const { repairTopics, clock } = this.#parts;
    if (this.#repair || this.#renewing) return true;
    if (!repairTopics || clock.now() < this.#repairAgainAt) return false;
    this.#repairAgainAt = clock.now() + REPAIR_EVERY_MS;
    this.queue.hold();
    this.#repair = repairTopics(this.#producer)
      .then(
        () => {},
        (error: unknown) => this.#errors.say(messageOf(error)),
      )
      .finally(() => {
        this.#repair = null;
        if (!this.#renewing) this.queue.release();
      });
    return true;
  }

  async #connectWithin(timeoutMs: number): Promise<readonly Broker[]> {
    const { clock, options } = this.#parts;
    const until = clock.now() + timeoutMs;
    for (;;) {
      try {
        return await this.#producer.connect(Math.max(1, until - clock.now()));
      } catch (error) {
        if (clock.now() < until && !this.#closed && !isHopeless(error)) {
          await sleep(this.#parts.clock, WATCH_MS);
          this.#producer = this.#newProducer();
          continue;
        }
        const address = String(options['bootstrap.servers'] ?? 'embedded broker');
        throw connectFault(error, address, timeoutMs, this.#lastWarning);
      }
    }
  }

  /** Once a second: is an acknowledgement overdue, does the broker answer while the breaker is not closed. */
  #watch(): void {
    if (this.#closed) return;
    const { clock } = this.#parts;
    const oldest = this.queue.oldestSentAt;
    if (oldest !== null && clock.now() - Math.max(oldest, this.#changedAt) > OVERDUE_MS)
      this.breaker.failure('acknowledgements are overdue');
    if (this.breaker.state !== 'closed') void this.#probe();
    this.#timer = clock.after(WATCH_MS, () => this.#watch());
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#renewing) return;
    this.#probing = true;
    const answers = await this.#producer.answers(PROBE_TIMEOUT_MS);
    this.#probing = false;
    if (this.#closed) return;
    if (answers) this.breaker.success();
    else this.breaker.failure('no broker answers');
  }

  /** Replaces a producer that cannot go on; what it had under way is sent again, in its old order. */
  async #renew(reason: string): Promise<void> {
    if (this.#renewing || this.#closed) return;
    this.#renewing = true;
    this.renewed++;
    this.queue.hold();
    const { log } = this.#parts;
    log.error({ phase: 'produce' }, `Kafka producer is replaced: ${reason}; rows under way may appear twice`);
    const old = this.#producer;
    this.#producer = this.#newProducer();
    void old.close();
    while (!this.#closed) {
      try {
        await this.#connectWithin(WATCH_MS);
        break;
      } catch (error) {
        this.#errors.say(messageOf(error));
      }
    }
    this.#renewing = false;
    if (!this.#repair) this.queue.release();
  }
}
