import { expect, test } from 'bun:test';
import { rejectSampler } from '../../src/application/reporting/rejects.ts';
import type { DeadLetter, Reporter } from '../../src/application/reporting/reporter.ts';
import type { SocketHandle } from '../../src/core/connection/pipe.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { ManualClock } from './manual-clock.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';

function rig() {
  const clock = new ManualClock();
  const letters: DeadLetter[] = [];
  const reporter = { bury: (letter: DeadLetter) => void letters.push(letter) } as unknown as Reporter;
  const sampler = rejectSampler(UPBIT_TRADES, reporter, clock);
  new Grid(clock, 50, (error) => {
    throw error;
  }).join(sampler.look);
  const socket = { id: 7 } as SocketHandle;
  let number = 0;
  return {
    clock,
    letters,
    flush: sampler.flush,
    reject(count: number, frame: string | Uint8Array = 'x') {
      for (let i = 0; i < count; i++) {
        number++;
        sampler.report({ socket, frame, receivedAt: 1, number, row: null, reason: `bad ${number}` });
      }
    },
    suppressed: () => letters.map(({ rawContext }) => rawContext.suppressed),
  };
}

test('a flood that lasts costs eleven letters a second, and every frame is in one of them or counted', async () => {
  const { clock, reject, letters, suppressed, flush } = rig();
  for (let i = 0; i < 100; i++) {
    reject(50);
    await clock.advance(100);
  }
  flush();
  expect(letters.length).toBeLessThanOrEqual(111);
  const counted = suppressed().reduce<number>((sum, count) => sum + Number(count), letters.length);
  expect(counted).toBe(5000);
});

test('a frame of 5 MB is cut to 64 KiB and says so', () => {
  const { reject, letters } = rig();
  reject(1, 'é'.repeat(2_500_000));
  reject(1, new Uint8Array(5_000_000));
  reject(1, 'short');
  const frames = letters.map(({ rawContext }) => rawContext) as {
    frame_base64: string;
    truncated: boolean;
  }[];
  expect(frames.map(({ truncated }) => truncated)).toEqual([true, true, false]);
  for (const { frame_base64 } of frames.slice(0, 2))
    expect(Buffer.from(frame_base64, 'base64')).toHaveLength(64 * 1024);
  expect(Buffer.from(frames[2]?.frame_base64 ?? '', 'base64').toString()).toBe('short');
});

test('what a flood suppressed is told when its second is over, however late that is noticed', async () => {
  const { clock, reject, letters, suppressed } = rig();
  reject(50);
  clock.jump(70_000);
  expect(letters).toHaveLength(10);
  await clock.advance(50);
  expect(suppressed().slice(10)).toEqual([39]);
  reject(1);
  expect(letters).toHaveLength(12);
});
