import { describe, expect, test } from 'bun:test';
import { FrameMarks } from '../../src/core/market/frame-marks.ts';

const TIME_MS = 1_790_134_414_850;

describe('numbers and times behind frames', () => {
  test.each([
    ['neither', [7, []], { seq: null, time: null }],
    ['a number', [7, [], 3], { seq: 3, time: null }],
    ['a time', [7, [], TIME_MS], { seq: null, time: TIME_MS * 1000 }],
    ['both', [7, [], 3, TIME_MS], { seq: 3, time: TIME_MS * 1000 }],
    ['something else', [7, [], 'x'], { seq: null, time: null }],
  ])('before the answer their size tells: %s', (_name, frame, marks) => {
    expect(new FrameMarks().read(frame, 2)).toEqual(marks);
  });

  test('the answer says which of them come', () => {
    const marks = new FrameMarks();
    marks.agree(false, true);
    expect(marks.read([7, [], 3, TIME_MS], 2)).toEqual({ seq: null, time: 3000 });
    marks.agree(true, false);
    expect(marks.read([7, [], 3, TIME_MS], 2)).toEqual({ seq: 3, time: null });
    marks.agree(true, true);
    expect(marks.read([7, 'te', [], 4, 'noon'], 3)).toEqual({ seq: 4, time: Number.NaN });
  });

  test('a number that is left out is a hole, once; the first one and repeats are none', () => {
    const marks = new FrameMarks();
    const hole = (seq: number | null) => marks.hole({ seq, time: null });
    expect(hole(1)).toBe(false);
    expect(hole(5)).toBe(false);
    marks.agree(true, true);
    expect([9, 10, 10, null, 11, 13, 14].map(hole)).toEqual([false, false, false, false, false, true, false]);
  });
});
