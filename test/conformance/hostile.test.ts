import { SUBJECTS } from './fixtures.ts';
import { hostileRules } from './rules/hostile.ts';
import { hostileByteRules } from './rules/hostile-bytes.ts';

for (const subject of SUBJECTS) {
  hostileRules(subject);
  hostileByteRules(subject);
}
