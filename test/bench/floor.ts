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

/** Measures the floor client on a flood. @throws {Error} where it lost its connection or got no frame */
export async function floor(url: string, subscription: string, windows: Windows): Promise<Floor> {
  const { seconds, count } = windows;
  const argv = [join(import.meta.dir, 'floor-client.ts'), url, subscription, String(seconds), String(count)];
  const client = Bun.spawn([process.execPath, ...argv], {
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
