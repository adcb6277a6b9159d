import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BadLine, recordedFrames } from '../../src/cli/recording.ts';
import { scratchDir } from '../services/scratch.ts';

const folder = scratchDir('recording');
mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Frames with the lines they stand on. */
async function framesOf(
  text: string | Uint8Array,
): Promise<{ frames: [line: number, data: unknown][]; bad: BadLine[] }> {
  const file = join(folder, 'frames.ndjson');
  writeFileSync(file, text);
  const bad: BadLine[] = [];
  const socket = {
    id: 0,
    session: { open: () => [], change: () => [], read() {} },
    predecessor: null,
    control() {},
    data() {},
  };
  const recording = recordedFrames(file, socket, (line) => bad.push(line));
  const frames: [number, unknown][] = [];
  for await (const chunk of recording.frames)
    for (const [i, data] of chunk.frames.entries()) frames.push([recording.lineOf(chunk.first + i), data]);
  return { frames, bad };
}

test('lines end at line feeds alone: other line ends of Unicode stand in JSON text as they are', async () => {
  const { frames, bad } = await framesOf(
    '{"frame":"a\u2028b\u2029c\u0085d"}\n{"frame":\r"e"}\r\n{"frame":"f"}',
  );
  expect(frames).toEqual([
    [1, 'a\u2028b\u2029c\u0085d'],
    [2, 'e'],
    [3, 'f'],
  ]);
  expect(bad).toEqual([]);
});

test('what is no JSON is told without its line end', async () => {
  const { bad } = await framesOf('no json\r\n\r\n{"frame":"a"}\r\n');
  expect(bad).toEqual([{ reason: 'the line is not JSON', line: 1, text: 'no json' }]);
});

test('a byte order mark before the first line is none of its text', async () => {
  const { frames, bad } = await framesOf('\ufeff{"frame":"a"}\n');
  expect(frames).toEqual([[1, 'a']]);
  expect(bad).toEqual([]);
});

test('a line over many chunks of the file is one line, its characters whole', async () => {
  const long = '비트코인'.repeat(200_000);
  const { frames } = await framesOf(`{"frame":"a"}\n\n${JSON.stringify({ frame: long })}\n{"frame":"z"}\n`);
  expect(frames.map(([line]) => line)).toEqual([1, 3, 4]);
  expect(frames[1]?.[1]).toBe(long);
});

test('bytes that are no UTF-8 spoil their line alone, and none of them becomes another character', async () => {
  const broken = Buffer.from('{"frame":"KRW-?TC"}\n{"frame":"a"}\n');
  broken[14] = 0xff;
  const { frames, bad } = await framesOf(broken);
  expect(frames).toEqual([[2, 'a']]);
  expect(bad).toMatchObject([{ reason: 'the line is not UTF-8', line: 1 }]);
});

test('base64 with or without its padding is bytes; what is none is told', async () => {
  const { frames, bad } = await framesOf(
    '{"base64":"aGVsbG8="}\n{"base64":"aGVsbG8"}\n{"base64":""}\n{"base64":"!!!"}\n{"base64":"aGV*sbG8="}\n',
  );
  expect(frames).toEqual([
    [1, Buffer.from('hello')],
    [2, Buffer.from('hello')],
    [3, Buffer.from('')],
  ]);
  expect(bad.map(({ reason, line }) => [reason, line])).toEqual([
    ['base64 is none', 4],
    ['base64 is none', 5],
  ]);
});
