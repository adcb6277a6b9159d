import { expect, test } from 'bun:test';
import { hasEnded, ownProcess, systemSight } from '../../src/infra/process/identity.ts';

function own() {
  const identity = ownProcess();
  if (!identity) throw new Error('this system has no /proc');
  return identity;
}

test('this process lives, and is the same each time', () => {
  expect(own()).toEqual(own());
  expect(own().pid).toBe(process.pid);
  expect(hasEnded(own())).toBe(false);
});

test('a child is alive, and has ended when it was killed, also while nobody has looked at its end', async () => {
  const script = `import { ownProcess } from '${import.meta.dir}/../../src/infra/process/identity.ts';
    console.log(JSON.stringify(ownProcess())); setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const identity = JSON.parse(new TextDecoder().decode(value));
  expect(identity.machine).toBe(own().machine);
  expect(hasEnded(identity)).toBe(false);
  child.kill('SIGKILL');
  await child.exited;
  expect(hasEnded(identity)).toBe(true);
});

test('a process that /proc hides has not ended, as long as the system knows its number', () => {
  const hidden = { stat: () => null, exists: () => true };
  expect(hasEnded({ ...own(), started: own().started + 1 }, hidden)).toBe(false);
  expect(hasEnded(own(), { ...hidden, exists: () => false })).toBe(true);
});

test('the first process of all is somebody’s, also where its user is another', () => {
  expect(hasEnded({ ...own(), pid: 1, started: -1 }, { stat: () => null, exists: systemSight.exists })).toBe(
    false,
  );
  expect(systemSight.exists(2 ** 22 + 7)).toBe(false);
});

test('a number that came again is another process; of another machine nothing is known', () => {
  expect(hasEnded({ ...own(), started: own().started + 1 })).toBe(true);
  expect(hasEnded({ ...own(), machine: 'another boot', pid: 999_999_999 })).toBe(false);
});
