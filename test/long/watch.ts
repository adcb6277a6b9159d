import type { MemorySample } from './checks/memory.ts';
import type { ReadySample } from './checks/readiness.ts';
import type { SupervisedCollector } from './collector.ts';

const READY_EVERY_MS = 500;
const ANSWER_WITHIN_MS = 2000;
const MEMORY_EVERY_MS = 2000;

interface Said {
  readonly what?: string;
  readonly reason?: string;
}

/** Looks at the collector from outside, all the time. */
export class Watch {
  readonly ready: ReadySample[] = [];
  readonly memory: MemorySample[] = [];
  readonly #timers: Timer[];

  constructor(
    readonly url: string,
    readonly collector: SupervisedCollector,
  ) {
    this.#timers = [
      setInterval(() => void this.#ask(), READY_EVERY_MS),
      setInterval(() => this.#weigh(), MEMORY_EVERY_MS),
    ];
  }

  get isReady(): boolean {
    return this.ready.at(-1)?.status === 200;
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Resolves when it is ready, or when the time is up. */
  async untilReady(withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!this.isReady && Date.now() < deadline) await Bun.sleep(100);
  }

  async #ask(): Promise<void> {
    const at = Date.now();
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const sample = await fetch(`${this.url}/readyz`, { signal, keepalive: false })
      .then(async (answer) => ({ at, status: answer.status, said: saidIn(await answer.json()) }))
      .catch(() => ({ at, status: 0, said: [] }));
    // Answers of different ages may overtake each other.
    let place = this.ready.length;
    while (place > 0 && (this.ready[place - 1]?.at ?? 0) > at) place--;
    this.ready.splice(place, 0, sample);
  }

  #weigh(): void {
    const bytes = this.collector.residentBytes();
    const startedAt = this.collector.starts.at(-1);
    if (bytes !== null && startedAt !== undefined) this.memory.push({ at: Date.now(), bytes, startedAt });
  }
}

function saidIn(body: unknown): string[] {
  const { reasons = [], warnings = [] } = body as { reasons?: Said[]; warnings?: Said[] };
  return [
    ...reasons.map((one) => `reason: ${JSON.stringify(one)}`),
    ...warnings.map((one) => `warning: ${JSON.stringify(one)}`),
  ];
}
