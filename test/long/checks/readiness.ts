/** One answer of /readyz. */
export interface ReadySample {
  /** Epoch ms at which it was asked for. */
  readonly at: number;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** Its reasons and warnings, each as one text. */
  readonly said: readonly string[];
}

/** A fault from its beginning to its end, epoch ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Readiness {
  /** ms from the beginning until it was told; null where it was not, before the end. */
  readonly toldAfterMs: number | null;
  /** The part of the answers between that and the end that told it. */
  readonly toldShare: number;
  /** ms from the end to the first of the answers that stay ready; null where there is none before `until`. */
  readonly readyAfterMs: number | null;
}

/** What a warning is about, without the names and numbers in it, which change as what was before goes away. */
function subject(text: string): string {
  return text.split(': ', 2).join(': ');
}

/**
 * What /readyz said of a fault. It tells it where it is not 200, or where it warns of something that it did not warn of
 * before.
 * @param until when the next fault began, epoch ms
 */
export function readinessOver(
  samples: readonly ReadySample[],
  { from, to }: Span,
  until = Number.POSITIVE_INFINITY,
): Readiness {
  const before = new Set(samples.findLast(({ at }) => at < from)?.said.map(subject));
  const tells = ({ status, said }: ReadySample) =>
    status !== 200 || said.some((text) => !before.has(subject(text)));
  const during = samples.filter(({ at }) => at >= from && at < to);
  const first = during.findIndex(tells);
  const rest = first < 0 ? [] : during.slice(first);
  const after = samples.filter(({ at }) => at >= to && at < until);
  const unready = after.findLastIndex(({ status }) => status !== 200);
  const ready = after[unready + 1];
  return {
    toldAfterMs: first < 0 ? null : (during[first]?.at ?? from) - from,
    toldShare: rest.length === 0 ? 0 : rest.filter(tells).length / rest.length,
    readyAfterMs: ready === undefined ? null : ready.at - to,
  };
}
