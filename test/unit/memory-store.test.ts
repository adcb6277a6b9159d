import { memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';
import { storeSuite } from './store-suite.ts';

let clock = new ManualClock();

storeSuite(
  'state store in memory',
  async () => {
    clock = new ManualClock();
    return memoryStore(clock);
  },
  (ms) => clock.advance(ms),
);
