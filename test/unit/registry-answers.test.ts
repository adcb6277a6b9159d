import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { serviceLooks } from '../../src/cli/check/services.ts';
import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { chooseDrivers } from '../../src/config/drivers.ts';
import { validate } from '../../src/config/load.ts';
import { preflight, registerSchemas, schemaStatus } from '../../src/infra/avro/preflight.ts';
import { registryClient } from '../../src/infra/avro/registry.ts';
import { avroFamilies } from '../../src/infra/kafka/topics/topics.ts';
import { type FakeRegistry, fakeRegistry } from './fake-registry.ts';

/** Whoever answers in the registry's place is not believed. */

let fake: FakeRegistry;
beforeEach(() => {
  fake = fakeRegistry();
});
afterEach(() => fake.stop());

const registry = () => registryClient({ url: fake.url });
const TRADE = 'trade-data-value';

describe('answers that no registry gives', () => {
  const page = '<html><body>Welcome</body></html>';
  const answers: Record<string, { status: number; body: unknown; type?: string }> = {
    'a page': { status: 200, body: page, type: 'text/html' },
    'a page that says it is JSON': { status: 200, body: page, type: 'application/json' },
    'JSON under the name of a page': {
      status: 200,
      body: { id: 3, version: 1 },
      type: 'text/html; charset=utf-8',
    },
    nothing: { status: 204, body: '' },
    'an empty object': { status: 200, body: {} },
    'an empty list': { status: 200, body: [] },
    'the word null': { status: 200, body: null },
    'an id of 0': { status: 200, body: { id: 0, version: 1 } },
    'an id below 0': { status: 200, body: { id: -4, version: 1 } },
    'half an id': { status: 200, body: { id: 1.5, version: 1 } },
    'an id beyond four bytes': { status: 200, body: { id: 2 ** 32, version: 1 } },
    'an id in words': { status: 200, body: { id: '7', version: 1 } },
    'no version': { status: 200, body: { id: 7 } },
    'a conflict of somebody else': { status: 409, body: page, type: 'text/html' },
    'a redirect': { status: 302, body: '' },
  };
  test.each(Object.entries(answers))('%s: the start fails, naming it as an outage', async (_, answer) => {
    fake.instead = () => answer;
    for (const attempt of [registerSchemas, schemaStatus])
      await expect(attempt(registry())).rejects.toMatchObject({ code: 'registry_unavailable' });
    expect(fake.schemas.size).toBe(0);
  });

  test.each([
    ['POST /subjects/trade-data-value/versions', { id: 0 }],
    ['POST /subjects/trade-data-value/versions', { ok: true }],
    ['PUT /config/trade-data-value', { ok: true }],
    ['GET /schemas/ids/2', { text: 'schema' }],
  ])('%s with %j', async (request, body) => {
    fake.instead = (asked) => (asked === request ? { status: 200, body } : null);
    await expect(registerSchemas(registry())).rejects.toMatchObject({ code: 'registry_unavailable' });
  });
});

test('an id that the registry gave and does not give back, or gives back as another schema, is not used', async () => {
  const { id = 0 } = (await registerSchemas(registry())).get('trade-data') ?? {};
  expect(fake.asked).toContain(`GET /schemas/ids/${id}`);
  const right = fake.schemas.get(id) ?? '';
  fake.schemas.set(id, fake.schemas.get(id + 1) ?? '');
  for (const attempt of [registerSchemas, schemaStatus])
    await expect(attempt(registry())).rejects.toMatchObject({
      code: 'registry_unavailable',
      subject: TRADE,
      message: expect.stringContaining(`${TRADE}: id ${id} is another schema there`),
    });
  fake.schemas.delete(id);
  await expect(schemaStatus(registry())).rejects.toThrow(`${TRADE}: id ${id} is not in the registry`);
  // Laid out anew, without documentation: the same schema.
  fake.schemas.set(
    id,
    JSON.stringify(
      JSON.parse(right, (key, value) => (key === 'doc' ? undefined : value)),
      null,
      2,
    ),
  );
  expect(await schemaStatus(registry())).toHaveLength(avroFamilies().length);
});

describe('the compatibility level of new subjects', () => {
  const start = () =>
    preflight(
      registry(),
      { register: true, startupTimeoutMs: 20_000 },
      systemClock,
      createLog('silent', false),
    );

  test('is set again after it failed, and no subject is left without it', async () => {
    let refused = 0;
    fake.instead = (asked) =>
      asked === `PUT /config/${TRADE}` && refused++ < 2 ? { status: 500, body: {} } : null;
    expect((await start()).size).toBe(avroFamilies().length);
    expect(fake.levels.get(TRADE)).toBe('BACKWARD_TRANSITIVE');
    expect(fake.levels.size).toBe(avroFamilies().length);
  });

  test('where a start fails for it, the next start sets it', async () => {
    fake.instead = (asked) => (asked.startsWith('PUT') ? { status: 500, body: {} } : null);
    await expect(registerSchemas(registry())).rejects.toMatchObject({ code: 'registry_unavailable' });
    fake.instead = null;
    await start();
    expect([...new Set(fake.levels.values())]).toEqual(['BACKWARD_TRANSITIVE']);
  });

  test('a registry that wants the subject first has it set afterwards, again and again', async () => {
    let refused = 0;
    fake.instead = (asked) => {
      if (asked !== `PUT /config/${TRADE}` || refused > 2) return null;
      refused++;
      return refused === 1 ? { status: 404, body: { error_code: 40401 } } : { status: 500, body: {} };
    };
    await start();
    expect(fake.levels.get(TRADE)).toBe('BACKWARD_TRANSITIVE');
  });

  test('of a subject that was there stays as it is', async () => {
    await start();
    fake.levels.clear();
    await start();
    expect(fake.levels.size).toBe(0);
  });
});

describe('a registry in read-only mode', () => {
  // What Confluent's, Apicurio's and Karapace's say of it.
  const answers = [
    { status: 422, body: { error_code: 42205, message: 'Subject trade-data-value is in read-only mode' } },
    { status: 422, body: { error_code: 42205, message: 'Subject trade-data-value is not in import mode' } },
    { status: 409, body: { error_code: 409, message: 'Unable to write: storage is in read-only mode.' } },
    { status: 422, body: { error_code: 422, message: 'Registry is read only' } },
  ];
  test.each(answers)('says so in its own words, and no schema is at fault: %j', async (answer) => {
    const writes = ['POST /subjects/trade-data-value/versions', 'PUT /config/trade-data-value'];
    for (const write of writes) {
      fake.instead = (asked) => (asked === write ? answer : null);
      await expect(registerSchemas(registry())).rejects.toMatchObject({
        code: 'registry_unavailable',
        message: expect.stringContaining(answer.body.message),
        remedy: expect.stringContaining('READWRITE'),
      });
    }
  });

  test('is known before anything is registered, where the registry has modes', async () => {
    fake.instead = (asked) => (asked === 'GET /mode' ? { status: 200, body: { mode: 'READONLY' } } : null);
    expect(await registry().readOnly()).toBe(true);
    fake.instead = (asked) => (asked === 'GET /mode' ? { status: 200, body: { mode: 'READWRITE' } } : null);
    expect(await registry().readOnly()).toBe(false);
    fake.instead = (asked) => (asked === 'GET /mode' ? { status: 404, body: { error_code: 404 } } : null);
    expect(await registry().readOnly()).toBe(false);
  });

  test('check says it of what is missing, with 69', async () => {
    fake.instead = (asked) => (asked === 'GET /mode' ? { status: 200, body: { mode: 'READONLY' } } : null);
    const settings = validate({ schema_registry: { url: fake.url, register: true } });
    const [look] = serviceLooks(settings, chooseDrivers(settings));
    const looked = look?.look();
    await expect(looked).rejects.toMatchObject({ code: 'registry_unavailable' });
    await expect(looked).rejects.toThrow('read-only mode');
  });
});

test('a schema that somebody else registers at the same moment is found; one that is refused is not asked for forever', async () => {
  const conflict = { status: 409, body: { error_code: 40901, message: 'It already exists' } };
  const absent = { status: 404, body: { error_code: 40403, message: 'Schema not found.' } };
  const register = `POST /subjects/${TRADE}/versions`;
  const lookup = `POST /subjects/${TRADE}`;
  await registerSchemas(registry());
  const theirs = fake.asked.length;
  let looked = 0;
  fake.instead = (asked) => {
    if (asked === lookup && looked++ === 0) return absent;
    return asked === register ? conflict : null;
  };
  const found = await registerSchemas(registry());
  expect(found.get('trade-data')).toMatchObject({ version: 1 });
  expect(fake.asked.slice(theirs).filter((asked) => asked === register)).toHaveLength(1);

  fake.instead = (asked) => (asked === lookup ? absent : asked === register ? conflict : null);
  await expect(registerSchemas(registry())).rejects.toMatchObject({ code: 'schema_incompatible' });
});
