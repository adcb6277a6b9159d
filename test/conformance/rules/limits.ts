import { describe, expect, test } from 'bun:test';
import { REGIONS, REQUEST_TYPES } from '../../../src/core/market/market.ts';
import { socketCodes } from '../../../src/core/socket-codes.ts';
import type { Subject } from '../fixtures.ts';

/** The figures of a plug-in are possible, and shared code can keep to them. */
export function limitRules({ exchange }: Subject): void {
  const { limits, heartbeat } = exchange;

  describe(`${exchange.id}: facts and limits`, () => {
    test('identity', () => {
      expect(exchange.id).toMatch(/^[a-z0-9]+$/);
      expect(exchange.name).not.toBe('');
      expect(REGIONS).toContain(exchange.region);
      expect(exchange.docs).toStartWith('https://');
      expect(exchange.types).not.toBeEmpty();
      for (const type of exchange.types) expect(REQUEST_TYPES).toContain(type);
      expect(new Set(exchange.types).size).toBe(exchange.types.length);
    });

    test('addresses are encrypted, and hosts names the one that is used', () => {
      for (const type of exchange.types) {
        const url = new URL(exchange.endpoint(type));
        expect(url.protocol).toBe('wss:');
        expect([...exchange.hosts]).toContain(url.hostname);
      }
      for (const host of exchange.hosts) expect(new URL(`wss://${host}/`).hostname).toBe(host);
      expect(exchange.markets.urls).not.toBeEmpty();
      for (const url of exchange.markets.urls) expect(new URL(url).protocol).toBe('https:');
    });

    test('counts are whole and above 0', () => {
      const counts = [limits.codesPerFrame, ...exchange.types.map((type) => socketCodes(exchange, type))];
      for (const count of [limits.frameChars, limits.sockets]) if (count !== null) counts.push(count);
      for (const rate of [...limits.sends, ...limits.opens]) counts.push(rate.count, rate.perMs);
      for (const count of counts) expect(Number.isSafeInteger(count) && count > 0).toBe(true);
      expect(limits.sends).not.toBeEmpty();
      expect(limits.opens).not.toBeEmpty();
    });

    test('codes of a frame fit into a socket; a request that replaces names all of them', () => {
      expect(limits.codesPerFrame).toBeLessThanOrEqual(limits.codesPerSocket);
      if (exchange.subscribing === 'replace') expect(limits.codesPerFrame).toBe(limits.codesPerSocket);
    });

    test('a full socket is subscribed within two minutes', () => {
      const frames = Math.ceil(limits.codesPerSocket / limits.codesPerFrame);
      for (const { count, perMs } of limits.sends) {
        expect((Math.ceil(frames / count) - 1) * perMs).toBeLessThan(120_000);
      }
    });

    test('a heartbeat has an interval', () => {
      expect(heartbeat.deadAfterMs).toBeGreaterThan(0);
      expect(heartbeat.everyMs !== undefined).toBe(heartbeat.send !== undefined);
      if (heartbeat.everyMs !== undefined) expect(heartbeat.everyMs).toBeGreaterThan(0);
      if (typeof heartbeat.send === 'object') expect(heartbeat.send.text).not.toBe('');
    });

    test('heartbeats leave room in the budget of messages', () => {
      const everyMs = heartbeat.everyMs ?? Number.POSITIVE_INFINITY;
      for (const { count, perMs } of limits.sends) {
        expect(perMs / everyMs).toBeLessThanOrEqual(count / 2);
      }
    });

    test('a life is long enough to be taken over from', () => {
      if (limits.lifetimeMs !== null) expect(limits.lifetimeMs).toBeGreaterThan(10 * heartbeat.deadAfterMs);
    });

    test('no close code of a normal life is a ban', () => {
      for (const code of [1000, 1001, 1006]) expect(exchange.ban?.(code, '') ?? null).toBeNull();
      for (let code = 1002; code < 5000; code++) {
        const ban = exchange.ban?.(code, 'too many requests') ?? null;
        if (ban) expect(ban.forMs > 0 && ban.reason !== '').toBe(true);
      }
    });
  });
}
