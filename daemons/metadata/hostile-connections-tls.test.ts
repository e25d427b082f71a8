import { testTlsFloods } from './hostile-connections-fixture.ts';

testTlsFloods(40);
