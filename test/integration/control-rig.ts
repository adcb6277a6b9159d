import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaOptions, type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { registry } from '../services/services.ts';
import type { Ledger } from '../simulator/ledger.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import type { Form } from './binary.ts';
import { CollectorProcess, Commander, type Event, repliesOf } from './control-parts.ts';
import { ledgerOf } from './spine-parts.ts';

export interface RigOptions {
  /** Flags of the simulator. */
  readonly simulator: readonly string[];
  /** Flags of the collector. */
  readonly argv?: readonly string[];
  /** Default `source`. */
  readonly form?: Form;
  /** With a registry and Avro, else JSON. */
  readonly avro?: boolean;
  readonly broker?: KafkaOptions;
}

/** Another address for a command. */
export interface CommandTarget {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
}

/** A broker, a Redis, a simulator and a collector that is steered through them, each a process of its own. */
export class ControlRig {
  readonly kafka: KafkaServer;
  readonly redis: RedisServer;
  readonly simulator: SimulatorProcess;
  readonly collector: CollectorProcess;
  readonly commander: Commander;
  /** Base URL of the schema registry; null where values are JSON. */
  readonly registry: string | null;
  readonly #httpPort: number;
  readonly #stopReading = new AbortController();
  readonly #reading: Promise<unknown>;
  #events: Event[] = [];
  #heard = Promise.withResolvers<void>();
  #sent = 0;

  private constructor(parts: {
    kafka: KafkaServer;
    redis: RedisServer;
    simulator: SimulatorProcess;
    collector: CollectorProcess;
    commander: Commander;
    registry: string | null;
    httpPort: number;
  }) {
    this.kafka = parts.kafka;
    this.redis = parts.redis;
    this.simulator = parts.simulator;
    this.collector = parts.collector;
    this.commander = parts.commander;
    this.registry = parts.registry;
    this.#httpPort = parts.httpPort;
    this.#reading = this.#read();
  }

  /** Starts everything; the collector is on its way when this resolves. */
  static async start(options: RigOptions): Promise<ControlRig> {
    const [kafka, redis, url, simulator, httpPort] = await Promise.all([
      startKafka(options.broker),
      startRedis(),
      options.avro ? registry() : null,
      spawnSimulator(options.simulator),
      freePort(),
    ]);
    const env = {
      ...simulator.env,
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      REDIS_URL: redis.url,
      ...(url === null ? { MESSAGING_USE_AVRO: 'false' } : { SCHEMA_REGISTRY_URL: url }),
      HTTP_PORT: String(httpPort),
      COLLECTOR_ID: 'under-test',
    };
    const collector = CollectorProcess.of(options.form ?? 'source', env, options.argv ?? []);
    collector.start();
    const commander = await new Commander(kafka.bootstrap).connect();
    return new ControlRig({ kafka, redis, simulator, collector, commander, registry: url, httpPort });
  }

  /** Every event of `ws.event` so far. */
  get events(): readonly Event[] {
    return this.#events;
  }

  /** Sends a command. @returns its correlation id */
  async send(
    action: string,
    target: CommandTarget,
    symbols?: readonly string[],
    more: object = {},
  ): Promise<string> {
    const correlation_id = `test-${process.pid}-${++this.#sent}`;
    await this.commander.send({ type: 'command', action, target, symbols, correlation_id, ...more });
    return correlation_id;
  }

  /** The first reply to a command. Whether it is the only one is for the end of a test to say. */
  async reply(correlationId: string, timeoutMs = 30_000): Promise<Event> {
    await this.heard((events) => repliesOf(events, correlationId).length > 0, timeoutMs);
    return repliesOf(this.#events, correlationId)[0] as Event;
  }

  /** Sends a command and waits for its reply. */
  async ask(...command: Parameters<ControlRig['send']>): Promise<Event> {
    return this.reply(await this.send(...command));
  }

  /** Resolves when the events so far are enough. Throws an Error with the last of them when they never are. */
  async heard(enough: (events: readonly Event[]) => boolean, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!enough(this.#events)) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const last = this.#events.slice(-5).map((event) => JSON.stringify(event));
        throw new Error(`${this.#events.length} events, not those awaited; the last:\n${last.join('\n')}`);
      }
      await Promise.race([this.#heard.promise, Bun.sleep(left)]);
    }
  }

  /** What /status says. */
  async status(): Promise<Record<string, unknown>> {
    const response = await fetch(`http://127.0.0.1:${this.#httpPort}/status`);
    return (await response.json()) as Record<string, unknown>;
  }

  async redisCommand(command: string, ...args: string[]): Promise<unknown> {
    const client = new Bun.RedisClient(this.redis.url);
    try {
      return await client.send(command, args);
    } finally {
      client.close();
    }
  }

  ledger(): Promise<Ledger> {
    return ledgerOf(this.simulator);
  }

  /** The ledger without its rows, for asking again and again. */
  entries(): Promise<Ledger> {
    return ledgerOf(this.simulator, 'entries');
  }

  /** Everything that lies in a topic now. */
  async topic<Value>(name: string): Promise<Value[]> {
    const messages = await readTopic<Value>({
      bootstrap: this.kafka.bootstrap,
      topic: name,
      ...(this.registry === null ? {} : { registry: this.registry }),
    });
    return messages.flatMap(({ value }) => (value === null ? [] : [value]));
  }

  async stop(): Promise<void> {
    this.#stopReading.abort();
    await this.#reading;
    await this.commander.close();
    await this.collector.kill9();
    await this.simulator.stop();
    await Promise.all([this.kafka.discard(), this.redis.discard()]);
  }

  async #read(): Promise<void> {
    await readTopic<Event>({
      bootstrap: this.kafka.bootstrap,
      topic: 'ws.event',
      timeoutMs: 3_600_000,
      signal: this.#stopReading.signal,
      until: (messages) => {
        for (const { value } of messages.slice(this.#events.length)) this.#events.push(value as Event);
        this.#heard.resolve();
        this.#heard = Promise.withResolvers();
        return false;
      },
    });
  }
}

/** Asks again and again until the answer fits, and returns it; throws an Error with the last one when it never does. */
export async function eventually<T>(
  ask: () => Promise<T>,
  fits: (answer: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; ; await Bun.sleep(200)) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`it did not come to that: ${Bun.inspect(answer)}`);
  }
}
