import { SUBJECTS } from './fixtures.ts';
import { sourceRules } from './rules/source.ts';

for (const subject of SUBJECTS) sourceRules(subject);
