import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { build } from './test/driver.ts';

const library = join(import.meta.dirname, 'build/libnss_xos.so.2');

before(() => build('all'));

test('only the functions of the NSS ABI are exported', () => {
  const symbols = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' });
  const names = symbols.split('\n').filter((line) => / T /.test(line));
  const functions = names.map((line) => line.replace(/.* T _nss_xos_([a-z_]+)@@.*/, '$1')).sort();
  assert.deepEqual(functions, [
    'endgrent',
    'endpwent',
    'getgrent_r',
    'getgrgid_r',
    'getgrnam_r',
    'getpwent_r',
    'getpwnam_r',
    'getpwuid_r',
    'initgroups_dyn',
    'setgrent',
    'setpwent',
  ]);
});

test('the installed library holds no test override and no thread or signal call', () => {
  const strings = execFileSync('strings', ['-a', library], { encoding: 'utf8' });
  assert.doesNotMatch(strings, /XOS_NSS_MAP|XOS_NSS_SOCKET/);
  const wanted = execFileSync('nm', ['-D', '--undefined-only', library], { encoding: 'utf8' });
  assert.doesNotMatch(wanted, /pthread_create|sigaction|signal|fork|\bgetenv/);
});

test('its stack is not executable and its relocations are read-only', () => {
  const headers = execFileSync('readelf', ['-lWd', library], { encoding: 'utf8' });
  assert.match(headers, /GNU_STACK .* RW /);
  assert.match(headers, /GNU_RELRO/);
  assert.match(headers, /BIND_NOW|NOW/);
});
