/** Words longer than this by so much are no slip of a finger. */
const MOST_EDITS = 3;

/**
 * The word that was probably meant: one that has it as a part (`subscribe` of `connect_and_subscribe`), else the one that
 * the fewest letters set apart (added, left out, changed, or swapped with their neighbour), where those are at most a
 * third of it. Null where none is near, or where it is one of them.
 */
export function nearest(word: string, all: Iterable<string>): string | null {
  const words = [...all];
  if (words.includes(word)) return null;
  const whole = words.find((candidate) => partsOf(candidate).includes(word.toLowerCase()));
  if (whole !== undefined) return whole;
  const most = Math.min(MOST_EDITS, Math.floor(word.length / 3));
  let best: string | null = null;
  let least = most + 1;
  for (const candidate of words) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase(), least);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

function partsOf(word: string): string[] {
  const parts = word.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return parts.length > 1 ? parts.filter((part) => part !== '') : [];
}

/** ` Did you mean X?`, or nothing: to stand behind a message about `word`. */
export function didYouMean(word: string, words: Iterable<string>): string {
  const meant = nearest(word, words);
  return meant === null ? '' : ` Did you mean ${meant}?`;
}

/** Optimal string alignment distance; `limit` where it is no less. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, at(beforeLast, j - 2) + 1);
      row.push(edits);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], j: number): number {
  return row[j] ?? 0;
}
