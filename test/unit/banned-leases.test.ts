import { expect, test } from 'bun:test';
import { streamOf, TTL_MS, World } from './lease-rig.ts';

async function worldOf(codes: number): Promise<World> {
  const world = new World();
  await world.desire(streamOf(codes));
  return world;
}

test('a collector that the exchange has banned hands its shards to one that is not, and has its share again afterwards', async () => {
  const world = await worldOf(6);
  const a = await world.join('a');
  const b = await world.join('b');
  await world.clock.advance(4 * TTL_MS);
  expect([a, b].map((member) => member.held().length)).toEqual([3, 3]);
  const since = world.clock.micros() - 10_000_000;
  a.ban(300_000);
  await world.clock.advance(TTL_MS);
  expect(a.held()).toEqual([]);
  expect([...world.carriers()].map(([, by]) => by)).toEqual(Array(6).fill(['b']));
  const given = a.leases.view().given;
  const sockets = a.sockets;
  await world.clock.advance(200_000);
  expect(a.held()).toEqual([]);
  expect(a.leases.view().given).toBe(given);
  expect(a.sockets).toBe(sockets);
  await world.clock.advance(100_000 + 4 * TTL_MS);
  expect([a, b].map((member) => member.held().length)).toEqual([3, 3]);
  expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
});

test('who took them and is banned too keeps them: they do not go back and forth, and all is carried afterwards', async () => {
  const world = await worldOf(4);
  const a = await world.join('a');
  const b = await world.join('b');
  await world.clock.advance(4 * TTL_MS);
  const since = world.clock.micros() - 10_000_000;
  a.ban(300_000);
  await world.clock.advance(TTL_MS);
  expect(b.held()).toHaveLength(4);
  const given = () => [a, b].map(({ leases }) => leases.view().given);
  const before = given();
  b.ban(300_000);
  await world.clock.advance(250_000);
  expect(b.held()).toHaveLength(4);
  expect(given()).toEqual(before);
  await world.clock.advance(50_000 + 8 * TTL_MS);
  expect([a, b].map((member) => member.held().length)).toEqual([2, 2]);
  expect([...world.carriers()].filter(([, by]) => by.length !== 1)).toEqual([]);
  expect(world.verdict(since)).toEqual({ twice: [], silent: [] });
});

test('alone, a banned collector keeps its shards', async () => {
  const world = await worldOf(3);
  const a = await world.join('a');
  await world.clock.advance(TTL_MS);
  a.ban(300_000);
  await world.clock.advance(200_000);
  expect(a.held()).toHaveLength(3);
  expect(a.leases.view().given).toBe(0);
});
