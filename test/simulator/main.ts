import { parseArgs } from 'node:util';
import { protocols } from './protocols/index.ts';
import { startSimulator } from './simulator.ts';

/**
 * The simulator as a process of its own. Standard output gets one JSON line when it listens: exchanges with their
 * urls, the environment for a collector, the control address. SIGTERM or SIGINT ends it, with `--with-parent` also the
 * end of standard input.
 */
const { values } = parseArgs({
  options: {
    exchanges: { type: 'string', default: Object.keys(protocols).join(',') },
    symbols: { type: 'string', default: '50' },
    rate: { type: 'string', default: '1000' },
    'book-rate': { type: 'string', default: '0' },
    zipf: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    ports: { type: 'string', default: 'shared' },
    port: { type: 'string', default: '0' },
    'control-port': { type: 'string', default: '0' },
    flood: { type: 'boolean', default: false },
    'flood-rows': { type: 'string', default: 'Infinity' },
    'with-parent': { type: 'boolean', default: false },
    'no-rows': { type: 'boolean', default: false },
    'past-rows': { type: 'string' },
    'shift-ms': { type: 'string', default: '0' },
  },
});

const simulator = await startSimulator({
  exchanges: values.exchanges.split(','),
  symbols: Number(values.symbols),
  rowsPerS: Number(values.rate),
  bookChangesPerS: Number(values['book-rate']),
  zipf: Number(values.zipf),
  seed: Number(values.seed),
  ports: values.ports === 'each' ? 'each' : 'shared',
  port: Number(values.port),
  controlPort: Number(values['control-port']),
  keepRows: !values['no-rows'],
  shiftMs: Number(values['shift-ms']),
  ...(values['past-rows'] !== undefined && { pastRows: Number(values['past-rows']) }),
  ...(values.flood && { floodRows: Number(values['flood-rows']), rowsPerS: 0 }),
});

const exchanges = Object.fromEntries(
  [...simulator.exchanges.keys()].map((id) => [
    id,
    { url: simulator.url(id), restUrl: simulator.restUrl(id), symbols: simulator.symbols(id) },
  ]),
);
console.log(JSON.stringify({ exchanges, env: simulator.env(), control: simulator.controlUrl }));

async function end(): Promise<void> {
  await simulator.stop();
  process.exit(0);
}

process.once('SIGTERM', end);
process.once('SIGINT', end);
if (values['with-parent']) {
  for await (const _ of Bun.stdin.stream()) {
    // Nothing comes; the end of the stream is the end of the parent.
  }
  await end();
}
