import type { StandingOf } from '../../../application/leases/fences.ts';
import { type Cancel, type Clock, sleep } from '../../../common/clock.ts';
import { messageOf } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import type { Kafka } from '../addon/load.ts';
import { isTopicMissing, type Verdict } from '../produce/delivery-errors.ts';
import type { Handed } from '../produce/handed.ts';
import type { Outgoing } from '../produce/outgoing.ts';
import { SendQueue } from '../produce/send-queue.ts';
import { TopicFindings } from '../topics/topic-findings.ts';
import { TopicRepair } from '../topics/topic-repair.ts';
import { Breaker, type BreakerListener, type BreakerOptions } from './breaker.ts';
import type { LibrdkafkaOptions } from './client-options.ts';
import { connectFault, isHopeless, moreTelling } from './connect-fault.ts';
import { errorText } from './error-text.ts';
import { Folded } from './folded.ts';
import { type Broker, Producer, type ProducerHandlers } from './producer.ts';
import { RenewalPause, reported } from './renewal.ts';
import { ReportReader } from './report-reader.ts';
import { type PartitionStatistics, readPartitions } from './statistics.ts';
import { Troubles } from './troubles.ts';
import { within } from './within.ts';

export interface LinkParts {
  readonly kafka: Kafka;
  readonly options: LibrdkafkaOptions;
  readonly breaker: BreakerOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the lease of a fence is still held here; left out: all are. */
  readonly standingOf?: StandingOf;
  /** Told of every change of the breaker. */
  readonly onBreaker?: BreakerListener;
  /** Makes topics that are missing, one after the other, until `stopped` says true. */
  readonly repairTopics?: (producer: Producer, stopped: () => boolean) => Promise<unknown>;
}

/** What an outbox is told by the line. */
export interface OutboxHooks {
  commit(): void;
  /** A message was acknowledged. */
  placed(topic: string, partition: number, offset: number): void;
}

const WATCH_MS = 1_000;
const PROBE_TIMEOUT_MS = 1_000;
/** Nothing acknowledged for this long counts as a failure, once a second: a frozen broker reports no error. */
const OVERDUE_MS = 10_000;
/** Questions are asked only while some broker is heard, see `#watch`; statistics are this old at most. */
const HEARD_MS = 6_000;
const FORGOTTEN_TIMES = 2;
const CROWDED =
  'a broker finds requests too large, so they become smaller and slower: set batch.size in kafka.options below its ' +
  'max.message.bytes';
const REPAIR_END_MS = 500;
/** The client's end waits for its threads. */
const CLOSE_MS = 1_000;
/** Lingering messages are pushed out in calls this long, so that none outlasts the stop. */
const PUSH_MS = 250;
/** librdkafka's words for the loss of every broker, told at each failed attempt to reach one. */
const ALL_DOWN = /all broker connections are down/i;
const FATAL = /fatal error/i;
/** syslog's severity from which librdkafka's own log is worth a warning. */
const WARNING = 4;

/**
 * The line to the cluster: the producer, the queue before it, the breaker between the two, and what watches them. One file,
 * however long: who may hold the producer, and when it is replaced, has to be seen at once.
 */
export class BrokerLink {
  readonly breaker: Breaker;
  readonly queue: SendQueue;
  readonly #parts: LinkParts;
  readonly #errors: Folded;
  readonly #breakerLog: Folded;
  readonly #troubles = new Troubles();
  readonly #words: (code: number) => string;
  readonly #reports: ReportReader;
  #producer: Producer;
  #changedAt: number;
  #timer: Cancel | null = null;
  #probing = false;
  /** Every connection was lost: a broker has to answer before that is over. */
  #suspect = false;
  /** Why the producer is being replaced; null while it is not. */
  #renewing: string | null = null;
  readonly #renewalPause = new RenewalPause();
  /** Null where topics may not be made. */
  readonly #repair: TopicRepair | null;
  readonly #findings: TopicFindings;
  #closed = false;
  #outbox: OutboxHooks | null = null;
  #statistics: { json: string; at: number } | null = null;
  #lastWarning: string | null = null;
  /** Statistics in a row in which the client knew no address. */
  #forgotten = 0;
  /** Producers that had to be replaced after a fatal error. */
  renewed = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#words = errorText(parts.kafka);
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
    this.#producer = this.#newProducer();
    this.queue = new SendQueue(
      this.#producer.inBatches
        ? {
            takeReports: () => this.#producer.takeReports(),
            produceAll: (messages) => this.#handOver(messages),
          }
        : (message, id) => this.#producer.produce(message, id),
      this.breaker,
      clock,
      (verdict, code, topic, words) => this.#cameBack(verdict, code, topic, words),
      parts.standingOf,
    );
    this.#reports = new ReportReader(
      clock,
      () => this.#producer.takeReports(),
      () => this.queue.underWayMessages > 0,
    );
    const { repairTopics } = parts;
    this.#repair = repairTopics
      ? new TopicRepair(
          clock,
          () => repairTopics(this.#producer, () => this.#closed),
          (error) => this.#errors.say(messageOf(error)),
        )
      : null;
    this.#findings = new TopicFindings(clock, (topic) => this.#producer.metadata(PROBE_TIMEOUT_MS, topic));
  }

  /** The producer of now; another after a fatal error. */
  get producer(): Producer {
    return this.#producer;
  }

  /** librdkafka's latest statistics as JSON. */
  get statistics(): string | null {
    return this.#statistics?.json ?? null;
  }

  /** Why messages are not acknowledged now, one sentence each, in the cluster's words; empty where all is well. */
  troubles(): string[] {
    const topics = this.queue.topics();
    const words: string[] = [];
    if (this.#renewing !== null) words.push(`the producer is being replaced: ${this.#renewing}`);
    const { state, reason } = this.breaker;
    // Half open, and nothing left that waited for it: a broker has answered, and that is all there is to know.
    const waited = topics.some(({ oldestAt }) => oldestAt !== null && oldestAt < this.#changedAt);
    if (state === 'open' || (state === 'half_open' && waited))
      words.push(`the circuit breaker is ${state.replace('_', ' ')}: ${reason}`);
    const findings = {
      statistics: () => this.#partitions(),
      metadata: this.#findings.known,
      errorText: this.#words,
    };
    return [...words, ...this.#troubles.words(topics, this.#parts.clock.now(), findings)];
  }

  /** What is handed over is on disk before, and where it lies in Kafka is noted. */
  keepsIn(outbox: OutboxHooks): void {
    this.#outbox = outbox;
    this.queue.onPlaced = outbox.placed;
  }

  /** Returns when a broker answered. @throws {Fault} broker_unavailable after the time, config_invalid at once */
  async connect(timeoutMs: number): Promise<readonly Broker[]> {
    const brokers = await this.#connectWithin(timeoutMs);
    this.#watch();
    if (this.#producer.inBatches) this.#reports.start();
    return brokers;
  }

  /**
   * Sends what there is and waits for its acknowledgement. Rows that are left when all but `lastMs` of the time is over
   * are told `undelivered`; the rest of it is for what is said about them. What is left then is told so too.
   * @param givenUp called when rows were given up
   * @returns what was left
   */
  async flush(deadlineMs: number, lastMs = 0, givenUp: () => void = () => {}): Promise<readonly Outgoing[]> {
    const { clock } = this.#parts;
    const until = clock.now() + deadlineMs;
    const drained = this.queue.drained();
    void this.#pushLingering(until);
    if (await within(Math.max(0, deadlineMs - lastMs), drained, clock)) return [];
    const left = tellUndelivered(this.queue.abandonRows());
    givenUp();
    if (!(await within(Math.max(0, until - clock.now()), this.queue.drained(), clock)))
      left.push(...tellUndelivered(this.queue.abandon()));
    return left;
  }

  /** Ends it, within a second or two whatever hangs. What was not flushed before is told `undelivered`. */
  async close(): Promise<void> {
    const { clock } = this.#parts;
    this.#closed = true;
    tellUndelivered(this.queue.abandon());
    this.#timer?.();
    this.#reports.stop();
    this.breaker.stop();
    // Its requests run on this producer's connections and must not outlive them.
    const running = this.#repair?.running;
    const free = !running || (await within(REPAIR_END_MS, running, clock));
    if (free) await within(CLOSE_MS, this.#producer.close(), clock);
    this.#errors.flush();
    this.#breakerLog.flush();
  }

  async #pushLingering(until: number): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#closed && clock.now() < until && this.queue.underWayMessages > 0) {
      await this.#producer.flush(Math.max(1, Math.min(PUSH_MS, until - clock.now())));
      await sleep(clock, 1);
    }
  }

  #handOver(messages: readonly Handed[]): void {
    this.#outbox?.commit();
    this.#producer.produceAll(messages);
    this.#reports.handed();
  }

  #newProducer(): Producer {
    const handlers: ProducerHandlers = {
      report: (id, code, words, partition, offset) => {
        if (producer === this.#producer) this.queue.report(id, code, words, partition, offset);
      },
      error: (text) => {
        if (producer === this.#producer) this.#failed(text);
      },
      log: (severity, text) => {
        if (severity <= WARNING) {
          this.#lastWarning = moreTelling(this.#lastWarning, text);
          this.#errors.say(text);
        } else this.#parts.log.debug({ phase: 'produce' }, text);
      },
      statistics: (json) => {
        if (producer === this.#producer) this.#heard(json);
      },
    };
    const producer = new Producer(this.#parts.kafka, this.#parts.options, handlers, true);
    return producer;
  }

  #partitions(): PartitionStatistics | null {
    return this.#statistics === null ? null : readPartitions(this.#statistics.json);
  }

  #failed(text: string): void {
    this.#errors.say(text);
    if (FATAL.test(text)) void this.#renew(text);
    else if (ALL_DOWN.test(text)) {
      this.#suspect = true;
      this.breaker.failure(text);
    }
  }

  #cameBack(verdict: Verdict, code: number, topic: string, words: string): void {
    const said = words === '' ? this.#words(code) : `${words} (${code})`;
    if (verdict === 'fatal') void this.#renew(said);
    else if (verdict === 'crowded') this.#errors.say(CROWDED);
    else if (verdict === 'alone')
      this.#errors.say(`a broker refuses requests to ${topic}: ${said}; their messages go out one by one`);
    else this.#errors.say(`${topic} is refused: ${said}; its messages wait and are tried again`);
    if (verdict === 'held' && isTopicMissing(code) && this.#renewing === null)
      this.#repair?.start(() => this.queue.askAgain());
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

  /** Once a second: is anything acknowledged, is the cluster there, what holds topics up. */
  #watch(): void {
    if (this.#closed) return;
    const { clock } = this.#parts;
    const { queue, breaker } = this;
    const sentAt = queue.oldestSentAt ?? Number.POSITIVE_INFINITY;
    const since = Math.max(sentAt, this.#changedAt, queue.acknowledgedAt);
    if (clock.now() - since > OVERDUE_MS) breaker.failure('acknowledgements are overdue');
    const topics = queue.topics();
    // What is under way is the best probe: its acknowledgement closes the breaker. A question to a broker that stood
    // still is answered with a cluster that has no brokers, which makes the client forget all that it knows.
    if (queue.underWayMessages === 0) {
      if (breaker.state === 'open' && topics.length > 0) breaker.tryNow();
      // The client learns of a right, or of a topic, that is there again by asking for it only.
      else if (breaker.state !== 'closed' || this.#suspect || topics.length > 0) void this.#probe();
    } else if (topics.some(({ refusal }) => refusal !== null)) void this.#probe();
    const late = this.#troubles.late(topics, clock.now()).map(({ topic }) => topic);
    if (late.length > 0 && this.#renewing === null && (this.#partitions()?.silentMs ?? HEARD_MS) < HEARD_MS)
      void this.#findings.look(late);
    this.#timer = clock.after(WATCH_MS, () => this.#watch());
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#renewing !== null) return;
    this.#probing = true;
    const answers = await this.#producer.answers(PROBE_TIMEOUT_MS);
    this.#probing = false;
    if (this.#closed) return;
    if (answers) {
      this.#suspect = false;
      this.breaker.answered();
    } else {
      this.breaker.failure('no broker answers');
    }
  }

  /**
   * A cluster that tells of no broker, as one that stood still does for a moment, can make librdkafka forget every
   * address it had, those that it was given included; then it never connects again.
   */
  #heard(json: string): void {
    this.#statistics = { json, at: this.#parts.clock.now() };
    this.#forgotten = this.#partitions()?.addresses === 0 ? this.#forgotten + 1 : 0;
    if (this.#forgotten < FORGOTTEN_TIMES) return;
    this.#forgotten = 0;
    void this.#renew('the client has lost the addresses of all brokers', false);
  }

  /**
   * Replaces a producer that cannot go on; what it did not deliver is sent again, in its old order.
   * @param reports whether it still tells what becomes of what it has
   */
  async #renew(reason: string, reports = true): Promise<void> {
    if (this.#renewing !== null || this.#closed) return;
    this.#renewing = reason;
    this.renewed++;
    this.queue.hold();
    const { log, clock } = this.#parts;
    log.error({ phase: 'produce' }, `Kafka producer is replaced: ${reason}`);
    const certain =
      reports &&
      (await reported({
        queue: this.queue,
        clock,
        statistics: () => ({ at: this.#statistics?.at ?? 0, partitions: this.#partitions() }),
        stopped: () => this.#closed,
      }));
    if (!certain)
      log.error(
        { phase: 'produce', messages: this.queue.underWayMessages },
        'the replaced Kafka producer did not tell what became of its last messages: they may appear twice',
      );
    await sleep(clock, this.#renewalPause.next(clock.now()));
    const old = this.#producer;
    this.#producer = this.#newProducer();
    this.queue.takeBack();
    void old.close();
    while (!this.#closed) {
      try {
        await this.#connectWithin(WATCH_MS);
        break;
      } catch (error) {
        this.#errors.say(messageOf(error));
      }
    }
    this.#renewing = null;
    this.queue.release();
  }
}

function tellUndelivered(messages: readonly Outgoing[]): Outgoing[] {
  for (const message of messages) message.undelivered();
  return [...messages];
}
