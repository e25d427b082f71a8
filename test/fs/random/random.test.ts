import { randomTests } from './random-tests.ts';

randomTests(45, 1);
