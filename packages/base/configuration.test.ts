import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ConfigurationOf,
  defineConfiguration,
  loadConfiguration,
  parseConfiguration,
} from './configuration.ts';
import * as kind from './configuration-kind.ts';
import { renderConfiguration } from './configuration-render.ts';
import { maximumIniBytes } from './ini.ts';
import { isXosError, XosError } from './xos-error.ts';

const schema = defineConfiguration({
  Accounts: {
    Alias: kind.text('physics'),
    Comment: kind.text(),
    Directories: kind.pathList(['/media']),
    Grace: kind.timeSpan('2min'),
    Quota: kind.size('64K', { maximum: 1024 * 1024 }),
    Workers: kind.integer(4, { minimum: 1, maximum: 64 }),
    Enumerate: kind.boolean(false),
    Shell: kind.choice(['bash', 'sh'], 'bash'),
    Url: kind.url(),
    Port: kind.port(7443),
    Listen: kind.listenList([{ address: '', port: 7443 }]),
    Words: kind.textList(),
  },
  Other: { Alias: kind.text('x') },
});

const parse = (...contents: string[]) =>
  parseConfiguration(
    schema,
    contents.map((content, index) => ({ file: `/c${index}.conf`, content })),
  );
const accounts = (...contents: string[]) => parse(...contents).value.Accounts;

function refusalOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    assert.ok(isXosError(error, 'XOS_CONFIGURATION_BAD'), String(error));
    return error.details['findings'] as readonly string[];
  }
  return assert.fail('the configuration was accepted');
}

describe('configuration', () => {
  it('is its defaults where no file says anything', () => {
    const value: ConfigurationOf<typeof schema>['Accounts'] = accounts();
    assert.deepEqual(
      { ...value },
      {
        Alias: 'physics',
        Comment: undefined,
        Directories: ['/media'],
        Grace: 120_000,
        Quota: 65_536,
        Workers: 4,
        Enumerate: false,
        Shell: 'bash',
        Url: undefined,
        Port: 7443,
        Listen: [{ address: '', port: 7443 }],
        Words: [],
      },
    );
  });

  it('reads each kind', () => {
    const value = accounts(`
# comment
; comment
[Accounts]
Alias = two words
Directories=/a//b/ "/with space"
Directories=/c
Grace=5min 20s
Quota=1MiB
Workers=64
Enumerate=on
Shell=sh
Url=https://vo.example.org:7443/x
Listen=127.0.0.1:0 [::1]:80 *:443 8080
Words=one \\
# a comment within
      'two three'
`);
    assert.equal(value.Alias, 'two words');
    assert.deepEqual(value.Directories, ['/a/b', '/with space', '/c']);
    assert.equal(value.Grace, 320_000);
    assert.equal(value.Quota, 1_048_576);
    assert.equal(value.Workers, 64);
    assert.equal(value.Enumerate, true);
    assert.equal(value.Shell, 'sh');
    assert.equal(value.Url, 'https://vo.example.org:7443/x');
    assert.deepEqual(value.Listen, [
      { address: '127.0.0.1', port: 0 },
      { address: '::1', port: 80 },
      { address: '', port: 443 },
      { address: '', port: 8080 },
    ]);
    assert.deepEqual(value.Words, ['one', 'two three']);
  });

  it('takes later files over earlier ones, and adds to lists until an empty value', () => {
    const base = '[Accounts]\nAlias=a\nDirectories=/a\nWorkers=8\n';
    assert.deepEqual(accounts(base, '[Accounts]\nAlias=b\nDirectories=/b').Directories, ['/a', '/b']);
    assert.equal(accounts(base, '[Accounts]\nAlias=b\n').Alias, 'b');
    assert.deepEqual(accounts(base, '[Accounts]\nDirectories=\nDirectories=/z').Directories, ['/z']);
    assert.deepEqual(accounts(base, '[Accounts]\nDirectories=').Directories, []);
    assert.equal(accounts(base, '[Accounts]\nWorkers=').Workers, 4);
    assert.equal(accounts(base, '[Other]\nAlias=o').Alias, 'a');
  });

  it('refuses with file, line and what would be right, everything at once', () => {
    const findings = refusalOf(() =>
      parse(
        '[Accounts]\nWorkers=65\nQuota=2M\nGrace=soon\nShell=zsh\nEnumerate=maybe\nDirectories=/ok relative',
        '[Accounts]\nUrl=http://plain\nPort=0\nListen=1.2.3:4\nDirectories="/open\nno equals\n[broken',
      ),
    );
    assert.deepEqual(findings.toSorted(), [
      '/c0.conf:2: [Accounts] Workers=65: expected an integer from 1 to 64',
      '/c0.conf:3: [Accounts] Quota=2M: expected a size such as 64K or 1GiB of at most 1MiB',
      '/c0.conf:4: [Accounts] Grace=soon: expected a time span such as 5min 20s',
      '/c0.conf:5: [Accounts] Shell=zsh: expected one of bash, sh',
      '/c0.conf:6: [Accounts] Enumerate=maybe: expected yes or no',
      '/c0.conf:7: [Accounts] Directories=/ok relative: expected an absolute path',
      '/c1.conf:2: [Accounts] Url=http://plain: expected a URL that starts with https://',
      '/c1.conf:3: [Accounts] Port=0: expected an integer from 1 to 65535',
      '/c1.conf:4: [Accounts] Listen=1.2.3:4: expected a port, ADDRESS:PORT or [IPV6]:PORT',
      '/c1.conf:5: [Accounts] Directories="/open: expected items separated by spaces, quotes closed',
      '/c1.conf:6: expected Key=value',
      '/c1.conf:7: expected [Section]',
    ]);
  });

  it('warns about what it does not know, and reads on', () => {
    const { warnings, value } = parse(
      '[Acounts]\nAlias=a\n[Accounts]\nAlais=b\n__proto__=c\nAlias=d\n[constructor]\n',
    );
    assert.deepEqual(
      warnings.map(({ line, message }) => `${line} ${message}`),
      [
        '1 unknown section [Acounts], ignored',
        '4 unknown key Alais= in [Accounts], ignored',
        '5 unknown key __proto__= in [Accounts], ignored',
        '7 unknown section [constructor], ignored',
      ],
    );
    assert.equal(value.Accounts.Alias, 'd');
  });

  it('demands what is required', () => {
    const strict = { VO: { Id: kind.required(kind.text()) } };
    assert.deepEqual(
      refusalOf(() => parseConfiguration(strict, [])),
      ['configuration: [VO] Id= is missing; expected text'],
    );
    assert.equal(parseConfiguration(strict, [{ file: 'f', content: '[VO]\nId=x' }]).value.VO.Id, 'x');
  });

  it('cannot be changed', () => {
    assert.throws(() => (accounts().Directories as string[]).push('/b'), TypeError);
    const value = accounts('[Accounts]\nDirectories=/a') as unknown as {
      Directories: string[];
      Alias: string;
    };
    assert.throws(() => value.Directories.push('/b'), TypeError);
    assert.throws(() => {
      value.Alias = 'x';
    }, TypeError);
  });

  it('shows what is in force and where it comes from, as a file that means the same', () => {
    const text = { file: '/etc/xtreemos/accounts.conf', content: '[Accounts]\nWorkers=8\nDirectories=\n' };
    const rendered = renderConfiguration(schema, [text]);
    assert.match(rendered, /# \/etc\/xtreemos\/accounts.conf:2\nWorkers=8\n/);
    assert.match(rendered, /# default\nGrace=2min\nQuota|# default\nGrace=2min\n# default\nQuota=64KiB\n/);
    const again = parseConfiguration(schema, [{ file: 'again', content: rendered }]);
    assert.deepEqual(again.value, parseConfiguration(schema, [text]).value);
  });
});

describe('configuration files', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'xos-configuration-'));
    await mkdir(join(root, 'usr'));
    await mkdir(join(root, 'etc/accounts.conf.d'), { recursive: true });
    await writeFile(join(root, 'usr/accounts.conf'), '[Accounts]\nAlias=usr\nComment=usr\nWorkers=1\n');
    await writeFile(join(root, 'etc/accounts.conf'), '[Accounts]\nAlias=etc\nComment=etc\n');
    await writeFile(join(root, 'etc/accounts.conf.d/20-b.conf'), '[Accounts]\nAlias=20\n');
    await writeFile(join(root, 'etc/accounts.conf.d/10-a.conf'), '[Accounts]\nAlias=10\n');
    await writeFile(join(root, 'etc/accounts.conf.d/30-off.conf.bak'), '[Accounts]\nAlias=bak\n');
    await writeFile(join(root, 'huge.conf'), Buffer.alloc(maximumIniBytes + 1, '#'));
  });
  after(() => rm(root, { recursive: true }));

  it('count in the order of their directories and names', () => {
    const roots = [join(root, 'usr'), join(root, 'etc'), join(root, 'missing')];
    const { value, files } = loadConfiguration(schema, { name: 'accounts', roots });
    assert.deepEqual(
      [value.Accounts.Alias, value.Accounts.Comment, value.Accounts.Workers],
      ['20', 'etc', 1],
    );
    assert.equal(files.length, 4);
  });

  it('give way to a file that is named', () => {
    const { value } = loadConfiguration(schema, { name: 'accounts', file: join(root, 'usr/accounts.conf') });
    assert.equal(value.Accounts.Alias, 'usr');
  });

  it('are refused when missing by name, or too large', () => {
    for (const file of ['nope.conf', 'huge.conf']) {
      assert.throws(
        () => loadConfiguration(schema, { name: 'accounts', file: join(root, file) }),
        /cannot read .*conf: /,
      );
    }
  });
});

describe('any configuration text', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '[Accounts]',
      '[',
      ']',
      '=',
      '\\',
      '#',
      'Directories=',
      'Words="',
      "Words='",
      'Grace=1',
      'Quota=9e99',
    ),
    fc
      .tuple(fc.constantFrom(...Object.keys(schema.Accounts)), fc.string({ unit: 'binary', maxLength: 40 }))
      .map(([key, value]) => `${key}=${value}`),
  );

  it('is read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        try {
          const { value } = parse(`[Accounts]\n${lines.join('\n')}`);
          assert.ok(value.Accounts.Workers >= 1 && value.Accounts.Workers <= 64);
        } catch (error) {
          assert.ok(error instanceof XosError && error.code === 'XOS_CONFIGURATION_BAD', String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('of the largest size takes no long time', { timeout: 20_000 }, () => {
    const fill = (unit: string) => unit.repeat(Math.floor((maximumIniBytes - 20) / unit.length));
    for (const unit of ['Words=a\n', 'Words=\\\n', 'x ', '"', '\\\n', 'Workers=x\n', '\n', 'a\\ ', "' "]) {
      try {
        parse(`[Accounts]\n${unit.includes('\n') ? '' : 'Words='}${fill(unit)}`);
      } catch (error) {
        assert.ok(isXosError(error, 'XOS_CONFIGURATION_BAD'), String(error));
        assert.ok(error.message.length < 20_000);
      }
    }
  });
});
