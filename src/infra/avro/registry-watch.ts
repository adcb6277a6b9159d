import type { Cancel, Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { TopicFamily } from '../kafka/topics/topics.ts';
import type { Registered, Registry } from './registry.ts';
import { type WrongId, wrongIds } from './verify.ts';

/** What the registry knows of the ids that stand in our messages, as it was seen last. */
export interface SchemaState {
  /** Ids by which a reader does not find our schema. */
  readonly wrong: readonly WrongId[];
  /** Why it could not be asked; null where it answered. */
  readonly away: string | null;
}

export interface RegistryWatchParts {
  readonly registry: Pick<Registry, 'byId'>;
  readonly registered: ReadonlyMap<TopicFamily, Registered>;
  readonly clock: Clock;
  readonly everyMs: number;
  /** Told when it changed. */
  readonly onChange: (state: SchemaState, before: SchemaState) => void;
}

/** A registry that is away is asked again sooner: it may come back as another one. */
const AWAY_EVERY_MS = 10_000;

/**
 * Looks now and then, beside the data, whether the registry still gives our schemas back under the ids that stand in
 * messages. One that was rebuilt and counted anew would have readers decode nothing, or the wrong thing.
 */
export class RegistryWatch {
  readonly #parts: RegistryWatchParts;
  #state: SchemaState = { wrong: [], away: null };
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(parts: RegistryWatchParts) {
    this.#parts = parts;
  }

  get state(): SchemaState {
    return this.#state;
  }

  start(): void {
    const { clock, everyMs } = this.#parts;
    // Spread over a tenth, so that collectors started together do not ask together.
    const ms = everyMs * (0.95 + clock.random() / 10);
    this.#next(this.#state.away === null ? ms : Math.min(ms, AWAY_EVERY_MS));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #next(ms: number): void {
    this.#cancel = this.#parts.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { registry, registered, onChange } = this.#parts;
    const before = this.#state;
    try {
      this.#state = { wrong: await wrongIds(registry, registered), away: null };
    } catch (error) {
      // What was wrong is not right because nobody answers.
      this.#state = { wrong: before.wrong, away: messageOf(error) };
    }
    if (this.#stopped) return;
    if (outline(this.#state) !== outline(before)) onChange(this.#state, before);
    this.start();
  }
}

/** The words of an outage differ from attempt to attempt. */
function outline({ wrong, away }: SchemaState): string {
  return JSON.stringify([wrong, away === null]);
}
