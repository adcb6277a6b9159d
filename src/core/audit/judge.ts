import type { CodeAudit, CodeEvents, Odd } from './code-audit.ts';
import type { Finding } from './findings.ts';
import type { GapRecords } from './gap-records.ts';
import type { IdHole } from './id-coverage.ts';

/** What does not add up, kept until all is read; more than these are judged by what is on record already, and counted. */
const MAX_PENDING = 20_000;

/** What was found of a code beyond what it counts itself. */
export interface Verdict {
  holes: number;
  missing: number;
  holesUnexplained: number;
  repeatsUnexplained: number;
  linksUnexplained: number;
}

/** Holds what does not add up against what is on record. */
export class Judge implements CodeEvents {
  readonly #gaps: GapRecords;
  readonly #pending: { readonly code: CodeAudit; readonly odd: Odd }[] = [];
  readonly #holes: { readonly code: CodeAudit; readonly hole: IdHole }[] = [];

  /** Unexplained, and not among the findings. */
  overflow = 0;

  constructor(gaps: GapRecords) {
    this.#gaps = gaps;
  }

  odd(code: CodeAudit, odd: Odd): void {
    if (this.#pending.length < MAX_PENDING) this.#pending.push({ code, odd });
    else if (!this.#explained(code, odd)) this.overflow++;
  }

  settled(code: CodeAudit, hole: IdHole): void {
    if (this.#holes.length < MAX_PENDING) this.#holes.push({ code, hole });
    else if (this.#hole(code, hole, new Map()).length > 0) this.overflow++;
  }

  /** @returns what is unexplained, and the verdict on each code that has something to be judged */
  all(codes: Iterable<CodeAudit>): { findings: Finding[]; verdicts: Map<CodeAudit, Verdict> } {
    const verdicts = new Map<CodeAudit, Verdict>();
    const findings: Finding[] = [];
    for (const { code, odd } of this.#pending) {
      if (this.#explained(code, odd)) continue;
      const verdict = verdictOf(verdicts, code);
      if (odd.kind === 'repeat') verdict.repeatsUnexplained++;
      if (odd.kind === 'book') verdict.linksUnexplained++;
      findings.push(oddFinding(code, odd));
    }
    for (const { code, hole } of this.#holes) findings.push(...this.#hole(code, hole, verdicts));
    for (const code of codes)
      for (const hole of code.holes ?? []) findings.push(...this.#hole(code, hole, verdicts));
    return { findings, verdicts };
  }

  #hole(code: CodeAudit, hole: IdHole, verdicts: Map<CodeAudit, Verdict>): Finding[] {
    const verdict = verdictOf(verdicts, code);
    verdict.holes++;
    verdict.missing += hole.last - hole.first + 1;
    const stream = streamOf(code);
    const rest = this.#gaps.unexplained(stream, code.identity.code, hole);
    const claimed = this.#gaps.claimed(stream, code.identity.code, hole);
    if (rest.length > 0) verdict.holesUnexplained++;
    return [
      ...rest.map((part) => idFinding(code, hole, part, 'hole', 'no gap record tells of them')),
      ...claimed.map((part) =>
        idFinding(code, hole, part, 'fill', 'a gap record says that all of them were fetched'),
      ),
    ];
  }

  /** A repeat by a change of hands, a broken link by a gap; nothing explains a row in the wrong place. */
  #explained(code: CodeAudit, odd: Odd): boolean {
    const stream = streamOf(code);
    if (odd.kind === 'repeat') return odd.handed || this.#gaps.changed(stream, odd.from, odd.to);
    return odd.kind === 'book' && this.#gaps.explains(stream, code.identity.code, odd.from, odd.to);
  }
}

function verdictOf(verdicts: Map<CodeAudit, Verdict>, code: CodeAudit): Verdict {
  let verdict = verdicts.get(code);
  if (!verdict) {
    verdict = { holes: 0, missing: 0, holesUnexplained: 0, repeatsUnexplained: 0, linksUnexplained: 0 };
    verdicts.set(code, verdict);
  }
  return verdict;
}

function streamOf({ identity }: CodeAudit): string {
  return `${identity.exchange}|${identity.request_type}`;
}

const TOLD = {
  repeat: 'was read before, and no restart and no change of hands explains it',
  order: 'stands behind a row that was received after it',
  book: 'follows a change that was not read, and no gap record explains it',
} as const;

function oddFinding({ identity }: CodeAudit, { kind, from, to, id }: Odd): Finding {
  const { exchange, request_type, code } = identity;
  const what = kind === 'book' ? 'the change' : id === null ? 'a row' : `trade ${id}`;
  return {
    ...{ kind, exchange, request_type, code, from, to, first_id: id, last_id: id, count: 1 },
    told: `${what} ${TOLD[kind]}`,
  };
}

function idFinding(
  { identity }: CodeAudit,
  { from, to }: IdHole,
  { first, last }: { readonly first: number; readonly last: number },
  kind: 'hole' | 'fill',
  why: string,
): Finding {
  const { exchange, request_type, code } = identity;
  const ids = first === last ? `trade ${first} is` : `trades ${first} to ${last} are`;
  return {
    ...{ kind, exchange, request_type, code, from, to },
    ...{ first_id: String(first), last_id: String(last), count: last - first + 1 },
    told: `${ids} not there: ${why}`,
  };
}
