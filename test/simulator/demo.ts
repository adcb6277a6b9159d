import { join } from 'node:path';
import { spawnSimulator } from './process.ts';

/**
 * `bun run demo`: the collector against the simulator on loopback, with the broker in the process and nothing outside
 * needed. Further arguments go to the collector.
 */
const CODES = 12;

const simulator = await spawnSimulator(['--exchanges', 'upbit,binance', '--symbols', '60', '--rate', '400']);
const streams = Object.entries(simulator.exchanges).flatMap(([id, { symbols }]) => [
  ...['--exchange', id, '--type', 'ticker,trade'],
  ...['--symbols', symbols.slice(0, CODES).join(',')],
]);
const drivers = ['--set', 'messaging.driver=embedded', '--set', 'state.driver=memory'];
const entry = join(import.meta.dir, '..', '..', 'index.ts');
const collector = Bun.spawn(
  [process.execPath, entry, 'run', ...streams, ...drivers, ...process.argv.slice(2)],
  { env: { ...process.env, ...simulator.env }, stdio: ['inherit', 'inherit', 'inherit'] },
);
// A terminal sends ^C to the collector as well; whoever signals this process alone means both.
process.on('SIGTERM', () => collector.kill('SIGTERM'));
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) collector.kill('SIGINT');
});
const code = await collector.exited;
await simulator.stop();
process.exit(code);
