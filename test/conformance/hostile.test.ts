import { SUBJECTS } from './fixtures.ts';
import { hostileRules } from './rules/hostile.ts';

for (const subject of SUBJECTS) hostileRules(subject);
