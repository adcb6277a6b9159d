import { join } from 'node:path';
import { median } from './process-use.ts';

export interface Floor {
  /** CPU µs per frame, median of the windows. */
  readonly us: number;
  readonly framesPerS: number;
  /** Mean size of a frame. */
  readonly frameBytes: number;
}

export interface Windows {
  readonly seconds: number;
  readonly count: number;
}

/** On a flood code is compiled, and buffers have their size, after this time. */
const WARM_UP_MS = 1_500;

/** Measures the floor client. @throws {Error} where it lost its connection or got no frame */
export async function floor(
  url: string,
  subscription: string,
  windows: Windows,
  warmUpMs = WARM_UP_MS,
): Promise<Floor> {
  const { seconds, count } = windows;
  const argv = [url, subscription, String(seconds), String(count), String(warmUpMs)];
  const client = Bun.spawn([process.execPath, join(import.meta.dir, 'floor-client.ts'), ...argv], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const [said, code] = await Promise.all([client.stdout.text(), client.exited]);
  if (code !== 0) throw new Error(`the floor client ended with ${code}`);
  const measured = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { frames: number; bytes: number; cpuUs: number });
  const frames = measured.reduce((sum, window) => sum + window.frames, 0);
  if (frames === 0) throw new Error('the floor client got no frame');
  return {
    us: median(measured.map((window) => window.cpuUs / window.frames)),
    framesPerS: frames / (seconds * count),
    frameBytes: measured.reduce((sum, { bytes }) => sum + bytes, 0) / frames,
  };
}
