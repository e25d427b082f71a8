import { randomTests } from './random-tests.ts';

randomTests(300, Date.now() % 2 ** 31);
