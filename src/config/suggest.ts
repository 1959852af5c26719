/**
 * The candidate that a mistyped word most likely stands for, or `null`: the one with the fewest edits, at most a third of
 * its letters, or else one that holds the word, or is held by it, as a whole part between underscores.
 */
export function closest(word: string, candidates: Iterable<string>): string | null {
  const wanted = word.toLowerCase();
  let best: string | null = null;
  let fewest = Infinity;
  let sharing: string | null = null;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const edits = distance(wanted, other);
    if (edits < fewest && edits <= Math.floor(Math.max(other.length, wanted.length) / 3)) {
      best = candidate;
      fewest = edits;
    }
    if (sharing === null && wanted.length >= 3 && (holds(other, wanted) || holds(wanted, other))) sharing = candidate;
  }
  return best ?? sharing;
}

function holds(whole: string, part: string): boolean {
  return `_${whole}_`.includes(`_${part}_`);
}

/** Edits between two words, a swap of neighbours counted as one (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
