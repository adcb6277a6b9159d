import { scanTopic } from '../services/avro-consumer.ts';
import type { Suffering } from './checks/waits.ts';
import { makeTopic } from './world.ts';

const TOPIC = 'metronome';
const EVERY_MS = 200;
/** A message that takes longer says that machine or brokers were busy; less than that is the way itself. */
const BUSY_MS = 200;

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
    const argv = ['kcat', '-P', '-b', bootstrap, '-t', TOPIC, '-X', 'acks=all', '-X', 'linger.ms=0'];
    this.#kcat = Bun.spawn(['setpriv', '--pdeathsig', 'KILL', ...argv], {
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    this.#timer = setInterval(() => {
      this.#kcat.stdin.write(`${Date.now()}\n`);
      void this.#kcat.stdin.flush();
    }, EVERY_MS);
  }

  static async start(bootstrap: string): Promise<Metronome> {
    await makeTopic(bootstrap, TOPIC);
    return new Metronome(bootstrap);
  }

  /** Ends it. @returns the times in which machine or brokers were busy, without those that `faults` explain */
  async stop(faults: readonly Suffering[]): Promise<Suffering[]> {
    clearInterval(this.#timer);
    await this.#kcat.stdin.end();
    await this.#kcat.exited;
    const busy: Suffering[] = [];
    await scanTopic<number>({ bootstrap: this.#bootstrap, topic: TOPIC }, ({ value, timestamp: to }) => {
      const from = value ?? to;
      const explained = faults.some((fault) => fault.from <= to && from <= fault.to);
      if (to - from > BUSY_MS && !explained) busy.push({ name: 'busy machine', from, to });
    });
    return busy;
  }
}
