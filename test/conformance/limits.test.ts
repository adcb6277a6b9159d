import { SUBJECTS } from './fixtures.ts';
import { limitRules } from './rules/limits.ts';

for (const subject of SUBJECTS) limitRules(subject);
