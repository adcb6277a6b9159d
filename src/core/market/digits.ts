/** Digits that a double holds exactly, whichever they are. */
export const EXACT_DIGITS = 15;

const ZERO = 48;
const NINE = 57;

/** The number that these digits say, at most 15 of them; −1 where something else is among them, or nothing is there. */
export function digitsOf(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at);
    if (digit < ZERO || digit > NINE) return -1;
    value = value * 10 + digit - ZERO;
  }
  return to > from ? value : -1;
}

/** The number that an id is, as `Number` has it; nearly all have few digits, and nothing else. */
export function numberOfId(id: string): number {
  const value = id.length > EXACT_DIGITS ? -1 : digitsOf(id, 0, id.length);
  return value < 0 ? Number(id) : value;
}
