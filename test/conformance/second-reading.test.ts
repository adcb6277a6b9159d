import { SUBJECTS } from './fixtures.ts';
import { secondReadingRules } from './rules/second-reading.ts';

for (const subject of SUBJECTS) secondReadingRules(subject);
