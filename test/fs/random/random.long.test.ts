import { randomTests } from './random-tests.ts';

randomTests(300);
