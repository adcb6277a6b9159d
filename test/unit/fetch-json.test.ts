import { expect, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import { fetchJson } from '../../src/infra/rest/fetch-json.ts';

test('tells the date of an answer, not of one that comes out of a cache', async () => {
  const headers = { date: 'Tue, 24 Nov 2026 12:00:00 GMT', 'content-type': 'application/json' };
  const server = Bun.serve({
    port: 0,
    fetch: ({ url }) => {
      const age = new URL(url).searchParams.get('age');
      return new Response('[]', { headers: age === null ? headers : { ...headers, age } });
    },
  });
  const dates = async (query: string) => {
    const told: number[] = [];
    const options = {
      clock: systemClock,
      timeoutMs: 2000,
      proxy: null,
      ca: null,
      dated: (ms: number) => void told.push(ms),
    };
    expect(await fetchJson(`${server.url}${query}`, options)).toEqual([]);
    return told;
  };
  const noon = Date.UTC(2026, 10, 24, 12);
  expect(await dates('')).toEqual([noon]);
  expect(await dates('?age=0')).toEqual([noon]);
  expect(await dates('?age=17')).toEqual([]);
  await server.stop(true);
});
