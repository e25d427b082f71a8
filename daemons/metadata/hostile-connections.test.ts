import { testConnectionFloods } from './hostile-connections-fixture.ts';

testConnectionFloods(300, ['silent', 'drip', 'half']);
