import { kafkaOrFault, producerOptions } from '../../src/infra/kafka/client/client-options.ts';
import { Producer } from '../../src/infra/kafka/client/producer.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { type Form, launch } from './binary.ts';

/** An event as others read it. */
export interface Event {
  kind: string;
  correlation_id: string | null;
  target: { exchange: string; region: string; request_type: string } | null;
  reply_id: string | null;
  outcome: string | null;
  reason: string | null;
  state: string | null;
  resolved: { asked: string; symbol: string; code: string }[] | null;
  detail: Record<string, unknown> | null;
}

/** The collector as a process of its own, started as often as a test likes. */
export class CollectorProcess {
  readonly #env: Record<string, string>;
  readonly #argv: readonly string[];
  #form: Form = 'source';
  #child: Bun.Subprocess<'ignore', 'ignore', 'pipe'> | null = null;
  #log: Promise<string> = Promise.resolve('');

  constructor(env: Record<string, string>, ...argv: string[]) {
    this.#env = env;
    this.#argv = argv;
  }

  static of(form: Form, env: Record<string, string>, argv: readonly string[]): CollectorProcess {
    const collector = new CollectorProcess(env, ...argv);
    collector.#form = form;
    return collector;
  }

  start(): void {
    const { argv, cwd, env } = launch(this.#form);
    this.#child = Bun.spawn([...argv, 'run', ...this.#argv], {
      cwd,
      env: { ...env, ...this.#env },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    });
    this.#log = this.#child.stderr.text();
  }

  /** What it wrote to standard error in its last life; resolves when it has ended. */
  get log(): Promise<string> {
    return this.#log;
  }

  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#child?.exited;
  }

  /** Ends it in order. @returns its exit code */
  async stop(): Promise<number> {
    this.#child?.kill('SIGTERM');
    return (await this.#child?.exited) ?? -1;
  }
}

/** The broker's code and librdkafka's own. */
const UNKNOWN_TOPIC = [3, -188];
const FOUND_MS = 40_000;

/** Writes commands in the order of the calls, over one connection. */
export class Commander {
  readonly #producer: Producer;
  readonly #waiting = new Map<number, (code: number) => void>();
  #made = 0;

  constructor(bootstrap: string) {
    const cluster = { bootstrapServers: bootstrap, clientId: 'test', options: {} };
    this.#producer = new Producer(kafkaOrFault(), producerOptions(cluster, 0), {
      report: (id, code) => this.#waiting.get(id)?.(code),
      error() {},
      log() {},
      statistics() {},
    });
  }

  /** Records handed over so far. */
  get sent(): number {
    return this.#made;
  }

  async connect(): Promise<this> {
    await this.#producer.connect(20_000);
    return this;
  }

  /** Resolves when the broker has it. */
  async send(value: Buffer | object, key: string | null = null): Promise<void> {
    const id = ++this.#made;
    const message = {
      topic: 'ws.command',
      key,
      value: Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)),
      headers: [],
      rows: 0,
      delivered() {},
      refused() {},
      undelivered() {},
      split: () => null,
    };
    const until = Date.now() + FOUND_MS;
    let code = await this.#produce(message, id);
    // A topic just made is not known to every client at once; nothing of it was written then.
    while (UNKNOWN_TOPIC.includes(code) && Date.now() < until) {
      await Bun.sleep(100);
      code = await this.#produce(message, id);
    }
    if (code !== 0) throw new Error(`the command was not taken: librdkafka ${code}`);
  }

  #produce(message: Outgoing, id: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      const refused = this.#producer.produce(message, id);
      if (refused !== 0) resolve(refused);
    });
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}

export function repliesOf(events: readonly Event[], correlationId?: string): Event[] {
  return events.filter(
    ({ kind, correlation_id }) =>
      kind === 'reply' && (correlationId === undefined || correlation_id === correlationId),
  );
}
