import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Fill, FilledCode, FillState, Target } from '../../core/events.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { FillGap, FillRecord } from './fill-task.ts';

/** Codes of one gap that are done within this time are told together, in ms. */
const FOLD_MS = 1000;

interface Part {
  readonly code: string;
  readonly record: FillRecord;
}

/**
 * Tells gap records again, with what became of them. A gap of many codes is told in parts, as it was at first: each
 * record speaks of its own codes.
 */
export class FillReport {
  readonly #target: Target;
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #told: (names: readonly string[]) => void;
  readonly #open = new Map<
    string,
    { readonly gap: FillGap; readonly parts: Part[]; readonly dueMs: number }
  >();

  /** @param told told of the names of tasks that a broker has the word of */
  constructor(target: Target, reporter: Reporter, clock: Clock, told: (names: readonly string[]) => void) {
    this.#target = target;
    this.#reporter = reporter;
    this.#clock = clock;
    this.#told = told;
  }

  add(code: string, record: FillRecord): void {
    const { gap } = record;
    const key = `${gap.gap_id} ${gap.from} ${gap.to}`;
    const open = this.#open.get(key);
    if (open) open.parts.push({ code, record });
    else this.#open.set(key, { gap, parts: [{ code, record }], dueMs: this.#clock.now() + FOLD_MS });
  }

  /** To be called again and again. */
  look(nowMs = this.#clock.now()): void {
    for (const [key, { gap, parts, dueMs }] of this.#open) {
      if (nowMs < dueMs) continue;
      this.#open.delete(key);
      this.#tell(gap, parts);
    }
  }

  flush(): void {
    this.look(Number.POSITIVE_INFINITY);
  }

  #tell(gap: FillGap, parts: readonly Part[]): void {
    const fill = fillOf(parts);
    const codes = [...new Set(parts.map(({ code }) => code))];
    const names = parts.map(({ record }) => record.name);
    this.#reporter
      .event({ kind: 'gap', target: this.#target, correlationId: null, gap: { ...gap, codes, fill } })
      .then(
        () => this.#told(names),
        // The program ends: what is in the store is told in the next life.
        (error: unknown) => messageOf(error),
      );
  }
}

/** The weakest of the codes counts for all. */
function fillOf(parts: readonly Part[]): Fill {
  const codes = parts.map(({ code, record: { filled, result } }): FilledCode => {
    const { rows, first_id, last_id } = filled;
    return { code, first_id, last_id, rows, state: result?.state ?? 'impossible' };
  });
  const results = parts.map(({ record: { result } }) => result);
  const reasons = [...new Set(results.flatMap((result) => result?.reason ?? []))];
  const proofs = new Set(results.map((result) => result?.proof ?? 'none'));
  return {
    state: stateOf(codes),
    proof: proofs.has('none') ? 'none' : proofs.has('time') ? 'time' : 'ids',
    rows: codes.reduce((sum, { rows }) => sum + rows, 0),
    codes,
    reason: reasons.length > 0 ? reasons.join('; ') : null,
  };
}

function stateOf(codes: readonly FilledCode[]): FillState {
  if (codes.every(({ state }) => state === 'complete')) return 'complete';
  return codes.every(({ state }) => state === 'impossible') ? 'impossible' : 'partial';
}
