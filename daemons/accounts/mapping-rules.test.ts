import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  defaultMappingRules,
  loadMappingRules,
  MappingRulesError,
  mappingFor,
  parseMappingRules,
} from './mapping-rules.ts';

const alice = {
  vo: 'physics.example',
  user: 'alice',
  fqans: ['/physics.example', '/physics.example/atlas/Role=admin'],
};
const bob = {
  vo: 'physics.example',
  user: 'bob',
  fqans: ['/physics.example', '/physics.example/atlas/muons'],
};
const carol = { vo: 'other.example', user: 'carol', fqans: ['/other.example'] };

test('the first rule that fits decides', () => {
  const rules = parseMappingRules(
    `# who             account
     user bob@physics.example refuse  still in probation
     role /physics.example/atlas/Role=admin static atlasadm
     group /physics.example/atlas pool atlas
     vo physics.example dynamic
    `,
    'mapping.conf',
  );
  assert.deepEqual(mappingFor(rules, alice), { kind: 'static', localName: 'atlasadm' });
  assert.deepEqual(mappingFor(rules, bob), { kind: 'refuse', reason: 'still in probation' });
  assert.deepEqual(mappingFor(rules, { ...bob, user: 'bert' }), { kind: 'pool', prefix: 'atlas' });
  assert.deepEqual(mappingFor(rules, { ...bob, user: 'bo', fqans: [] }), { kind: 'dynamic' });
  assert.equal(mappingFor(rules, carol).kind, 'refuse');
});

test('a group covers its subgroups and roles, not names that begin alike', () => {
  const rules = parseMappingRules('group /physics.example/at dynamic', 'm');
  assert.equal(mappingFor(rules, bob).kind, 'refuse');
});

test('every wrong line is named with file and line', () => {
  const text = [
    'vo physics dynamic',
    'vo ../x dynamic',
    'user alice static a',
    'static x',
    'vo * static root',
    'vo *',
    'vo * pool a b',
  ];
  assert.throws(
    () => parseMappingRules(text.join('\n'), '/etc/m.conf'),
    (error: unknown) => {
      assert.ok(error instanceof MappingRulesError);
      assert.deepEqual(
        error.findings.map((finding) => finding.split(': ')[0]),
        [2, 3, 4, 5, 6, 7].map((line) => `/etc/m.conf:${line}`),
      );
      return true;
    },
  );
});

test('without a file every member gets an account of its own', () => {
  assert.equal(loadMappingRules('/nonexistent/mapping.conf'), defaultMappingRules);
  assert.deepEqual(mappingFor(defaultMappingRules, carol), { kind: 'dynamic' });
});

test('any text either parses or is refused with findings', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      try {
        parseMappingRules(text, 'm');
      } catch (error) {
        assert.ok(error instanceof MappingRulesError && error.findings.length > 0);
      }
    }),
  );
});
