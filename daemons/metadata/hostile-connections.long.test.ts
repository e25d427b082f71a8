import { testConnectionFloods, testTlsFloods } from './hostile-connections-fixture.ts';

testConnectionFloods(10_000, ['silent', 'drip', 'half']);
testConnectionFloods(10_000, ['half']);
testTlsFloods(10_000);
