import type { Cancel } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { type DesiredStream, isRunning, type StreamKey, streamKey } from '../core/desired/stream.ts';
import type { ActualStore, DesiredStore } from './state-store.ts';
import { type ExchangeDeps, RunningStream, type StreamDeps } from './stream.ts';

export interface OrchestratorDeps extends StreamDeps {
  readonly log: Log;
  readonly desired: DesiredStore;
  readonly actual: ActualStore;
  readonly pollMs: number;
  /** Every stream that this build can run. */
  readonly keys: readonly StreamKey[];
  /** What the streams of an exchange share; resolves when its market list is there or cannot be had for now. */
  exchange(id: string): Promise<ExchangeDeps>;
}

/**
 * Desired → actual, by difference. Every stream is changed by one hand at a time; a change that comes while one is
 * being made is made afterwards, with the latest of what is desired.
 */
export class Orchestrator {
  readonly #deps: OrchestratorDeps;
  readonly #running = new Map<string, RunningStream>();
  readonly #wanted = new Map<string, DesiredStream>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #draining = new Set<Promise<void>>();
  #cancelPoll: Cancel = () => {};
  #cancelNudge: Cancel = () => {};
  #stopping = false;

  constructor(deps: OrchestratorDeps) {
    this.#deps = deps;
  }

  /** Takes up what is desired from the store, and from then on what changes there. */
  async start(): Promise<void> {
    const { desired } = this.#deps;
    this.#cancelNudge = desired.onNudge((key) => void this.#reread(key));
    await this.#poll();
  }

  /** The streams that run, in the order in which they were started. */
  streams(): RunningStream[] {
    return [...this.#running.values()];
  }

  stream(key: StreamKey): RunningStream | undefined {
    return this.#running.get(streamKey(key));
  }

  /** What is desired of a stream as far as it is known here. */
  desired(key: StreamKey): DesiredStream | undefined {
    return this.#wanted.get(streamKey(key));
  }

  /** A stream shall be as `desired` says. Resolves when its connections were told. */
  want(desired: DesiredStream): Promise<void> {
    const key = streamKey(desired);
    if (this.#stopping || (this.#wanted.get(key)?.version ?? -1) >= desired.version)
      return this.#settled(key);
    this.#wanted.set(key, desired);
    const before = this.#busy.get(key) ?? Promise.resolve();
    const after = before
      .then(() => this.#change(key))
      .catch((error: unknown) =>
        this.#deps.log.error(
          { phase: 'state', ...desired, err: error },
          `stream ${key}: ${messageOf(error)}`,
        ),
      );
    this.#busy.set(key, after);
    return after;
  }

  /** Stops every stream and resolves when all of their rows are delivered. Desired state stays as it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelPoll();
    this.#cancelNudge();
    await Promise.all(this.#busy.values());
    await Promise.all([...this.#running.values()].map((stream) => this.#end(stream)));
    this.#running.clear();
    await Promise.all(this.#draining);
  }

  /** A stream may start anew while rows of its last run still wait for a broker: the writer keeps their order. */
  async #end(stream: RunningStream): Promise<void> {
    await stream.stop();
    const draining = stream.settled().finally(() => this.#draining.delete(draining));
    this.#draining.add(draining);
  }

  #settled(key: string): Promise<void> {
    return this.#busy.get(key) ?? Promise.resolve();
  }

  async #change(key: string): Promise<void> {
    const desired = this.#wanted.get(key);
    const running = this.#running.get(key);
    if (!desired || this.#stopping) return;
    if (!isRunning(desired)) {
      this.#running.delete(key);
      if (running) await this.#end(running);
    } else if (running) {
      running.apply(desired);
    } else {
      await this.#begin(key, desired);
    }
  }

  async #begin(key: string, desired: DesiredStream): Promise<void> {
    const of = await this.#deps.exchange(desired.exchange);
    if (this.#stopping) return;
    const stream = new RunningStream(desired, of, this.#deps);
    this.#running.set(key, stream);
    stream.apply(desired);
    const before = await this.#deps.actual.read(stream.target).catch(() => null);
    if (before) stream.missedSince(before.lastActive, before.symbols);
  }

  async #reread(key: string): Promise<void> {
    const known = this.#deps.keys.find((candidate) => streamKey(candidate) === key);
    if (!known) return;
    // The poll makes good what a store that is away withholds now.
    const desired = await this.#deps.desired.read(known).catch(() => null);
    if (desired) await this.#take(desired);
  }

  /**
   * What the store has. An older version than the one known here was either overtaken on its way, which a second look
   * shows, or the store was emptied and counts anew: then it holds.
   */
  async #take(stored: DesiredStream): Promise<void> {
    const key = streamKey(stored);
    const known = this.#wanted.get(key)?.version ?? 0;
    if (stored.version >= known) return this.want(stored);
    const again = await this.#deps.desired.read(stored).catch(() => null);
    if (!again || again.version >= known || this.#wanted.get(key)?.version !== known) return;
    this.#wanted.delete(key);
    await this.want(again);
  }

  async #poll(): Promise<void> {
    const { desired, keys, clock, pollMs } = this.#deps;
    try {
      for (const stream of await desired.readAll(keys)) void this.#take(stream);
    } catch {
      // Streams go on as they are; the store says itself that it is away.
    }
    if (!this.#stopping) this.#cancelPoll = clock.after(pollMs, () => void this.#poll());
  }
}
