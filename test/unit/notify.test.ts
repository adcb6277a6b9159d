import { afterAll, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { feedWatchdog, serviceManager } from '../../src/infra/process/notify.ts';
import { listen, stopListening } from '../services/notify-socket.ts';
import { ManualClock } from './manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcs-notify-'));
afterAll(() => {
  stopListening();
  rmSync(folder, { recursive: true });
});

test.each([join(folder, 'socket'), `@kcs-notify-${process.pid}`])(
  'what is told arrives at %s',
  async (address) => {
    const heard = await listen(address);
    const manager = serviceManager({ NOTIFY_SOCKET: address });
    manager?.notify('READY=1\nSTATUS=collecting');
    expect((await heard.next()).value).toBe('READY=1');
    expect((await heard.next()).value).toBe('STATUS=collecting');
    expect(manager?.watchdogMs).toBeNull();
  },
);

test('the watchdog is fed three times in its interval, from the event loop', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  feedWatchdog({ watchdogMs: 30_000, notify: (state) => void told.push(state) }, clock);
  await clock.advance(30_000);
  expect(told).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
});

test('no manager, a manager without a watchdog, a watchdog meant for another process', () => {
  expect(serviceManager({})).toBeNull();
  expect(serviceManager({ NOTIFY_SOCKET: 'vsock:2:1234' })).toBeNull();
  const socket = { NOTIFY_SOCKET: join(folder, 'nobody') };
  expect(serviceManager(socket)?.watchdogMs).toBeNull();
  expect(serviceManager({ ...socket, WATCHDOG_USEC: '60000000' })?.watchdogMs).toBe(60_000);
  expect(serviceManager({ ...socket, WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' })?.watchdogMs).toBeNull();
  // Nobody listens: nothing happens.
  serviceManager(socket)?.notify('READY=1');
  expect(existsSync(join(folder, 'nobody'))).toBe(false);
});
