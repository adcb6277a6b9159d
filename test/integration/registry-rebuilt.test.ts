import { expect, setDefaultTimeout, test } from 'bun:test';
import { avroFamilies } from '../../src/infra/kafka/topics/topics.ts';
import { freePort } from '../services/ports.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { fakeRegistry } from '../unit/fake-registry.ts';
import { allTrades, start } from './program.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

interface Health {
  readonly warnings: readonly { readonly what: string; readonly why: string }[];
}

test('a registry that is rebuilt with other ids while rows flow: told in the log, on /readyz and as a metric', async () => {
  const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 50, seed: 61 });
  const registry = fakeRegistry();
  const port = await freePort();
  const argv = ['run', '--set', `http.port=${port}`, '--set', 'schema_registry.check_ms=300'];
  const program = start([...argv, ...allTrades(simulator)], {
    ...simulator.env(),
    SCHEMA_REGISTRY_URL: registry.url,
  });
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const registryWarnings = async () =>
    ((await (await get('/readyz')).json()) as Health).warnings.filter(
      ({ what }) => what === 'schema registry',
    );
  try {
    await program.said('page, health and metrics');
    expect(await registryWarnings()).toEqual([]);
    registry.rebuild(100);
    await program.said('registry_changed');
    expect((await registryWarnings())[0]?.why).toContain('trade-data-value: id 2 is not in the registry');
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toContain(`\nkcs_schemas_wrong ${avroFamilies().length}\n`);
    expect(metrics).toMatch(/^kcs_errors_total{code="registry_changed"} 1$/m);
    program.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  } finally {
    program.kill('SIGKILL');
    await Promise.all([simulator.stop(), registry.stop()]);
  }
});
