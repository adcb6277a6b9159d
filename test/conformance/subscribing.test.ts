import { SUBJECTS } from './fixtures.ts';
import { subscribingRules } from './rules/subscribing.ts';

for (const subject of SUBJECTS) subscribingRules(subject);
