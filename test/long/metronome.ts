import { scanTopic } from '../services/avro-consumer.ts';
import type { Span, Suffering } from './checks/waits.ts';
import { makeTopic } from './world.ts';

const TOPIC = 'metronome';
const EVERY_MS = 200;
/** kcat reads so much before it writes anything. */
const READ_BYTES = 4096;
const FIRST_WITHIN_MS = 30_000;

/**
 * A client that has nothing to do with the collector writes the time into Kafka, again and again. How long each message
 * takes is what this machine and these brokers do to everybody: no row can be there sooner.
 */
export class Metronome {
  readonly #bootstrap: string;
  readonly #kcat: Bun.Subprocess<'pipe', 'ignore', 'ignore'>;
  readonly #timer: Timer;

  private constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
    const argv = [
      'kcat',
      '-P',
      '-b',
      bootstrap,
      '-t',
      TOPIC,
      '-X',
      'enable.idempotence=true',
      '-X',
      'linger.ms=0',
    ];
    this.#kcat = Bun.spawn(['setpriv', '--pdeathsig', 'KILL', ...argv], {
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    this.#timer = setInterval(() => {
      this.#kcat.stdin.write(`${String(Date.now()).padEnd(READ_BYTES - 1)}\n`);
      void this.#kcat.stdin.flush();
    }, EVERY_MS);
  }

  /** Resolves when the brokers take what it writes. */
  static async start(bootstrap: string): Promise<Metronome> {
    await makeTopic(bootstrap, TOPIC);
    const metronome = new Metronome(bootstrap);
    const deadline = Date.now() + FIRST_WITHIN_MS;
    // A busy broker does not know a topic yet that it has just made.
    while (!(await metronome.#beats().catch(() => [])).length && Date.now() < deadline) await Bun.sleep(200);
    return metronome;
  }

  /** Ends it. @returns how long each of its messages took, without those that `faults` delayed */
  async stop(faults: readonly Suffering[]): Promise<Span[]> {
    clearInterval(this.#timer);
    await this.#kcat.stdin.end();
    await this.#kcat.exited;
    const delayed = (one: Span) => faults.some(({ from, to }) => from <= one.to && one.from <= to);
    return (await this.#beats()).filter((one) => !delayed(one));
  }

  async #beats(): Promise<Span[]> {
    const beats: Span[] = [];
    await scanTopic<number>(
      { bootstrap: this.#bootstrap, topic: TOPIC },
      ({ value: from, timestamp: to }) => {
        if (from !== null) beats.push({ from, to });
      },
    );
    return beats;
  }
}
