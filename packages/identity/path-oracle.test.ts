import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { acceptedPaths } from './fixtures/cases-accepted-paths.ts';
import { encodings } from './fixtures/cases-encodings.ts';
import { identityAndPolicy } from './fixtures/cases-identity-and-policy.ts';
import { issuers } from './fixtures/cases-issuers.ts';
import { namesAndAlgorithms } from './fixtures/cases-names-and-algorithms.ts';
import { proxies } from './fixtures/cases-proxies.ts';
import { timeAndRevocation } from './fixtures/cases-time-and-revocation.ts';
import { now } from './fixtures/domain.ts';
import type { JudgedChain } from './fixtures/path-case.ts';
import { crlPem, makeTrustStore, parseCertificate, validatePath } from './index.ts';
import { writePem } from './pem.ts';

/**
 * Ours and OpenSSL judge the same chains. Where they differ, the case names a difference, and docs/path-validation.md has to
 * argue it under that name.
 */
const directory = mkdtempSync(join(tmpdir(), 'xos-path-oracle-'));
after(() => rmSync(directory, { recursive: true }));

const page = readFileSync(new URL('../../docs/path-validation.md', import.meta.url), 'utf8');
const documented = new Set([...page.matchAll(/^- \*\*([a-z0-9-]+)\*\*:/gm)].map((match) => match[1] ?? ''));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const oracleCases = [
  ...acceptedPaths,
  ...timeAndRevocation,
  ...issuers,
  ...namesAndAlgorithms,
  ...proxies,
  ...identityAndPolicy,
  ...encodings,
];

/** 'ok', or the number of OpenSSL's error, or 'unreadable'. */
function opensslVerdict(judged: JudgedChain): string {
  const [leaf = Buffer.alloc(0), ...above] = judged.chain;
  const anchors = judged.anchors.map((anchor) => writePem('CERTIFICATE', anchor.certificate.der)).join('');
  const crls = judged.crls.map((crl) => crlPem(crl.der)).join('');
  const options = ['-x509_strict', '-auth_level', '2', '-crl_check_all', '-allow_proxy_certs'];
  if (judged.prohibitProxies === true) options.pop();
  const { stdout, stderr } = spawnSync(
    'openssl',
    [
      'verify',
      ...options,
      ...['-attime', String(Math.floor((judged.now ?? now).getTime() / 1000))],
      ...['-CAfile', file('anchors.pem', anchors), '-CRLfile', file('crls.pem', crls)],
      ...(above.length === 0
        ? []
        : ['-untrusted', file('above.pem', above.map((one) => writePem('CERTIFICATE', one)).join(''))]),
      file('leaf.pem', writePem('CERTIFICATE', leaf)),
    ],
    { encoding: 'utf8', timeout: 20_000, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } },
  );
  if (/: OK$/m.test(stdout)) return 'ok';
  const number = /^error (\d+) at/m.exec(`${stdout}\n${stderr}`)?.[1];
  return (
    number ??
    (/unable to load|Could not|No certificate|expecting|Unable/i.test(stderr)
      ? 'unreadable'
      : `? ${stdout}${stderr}`)
  );
}

/** 'ok', or the rule broken, or 'unreadable'. */
function ourVerdict(judged: JudgedChain): string {
  try {
    const chain = judged.chain.map((one) => parseCertificate(one));
    const store = makeTrustStore({ anchors: judged.anchors, crls: judged.crls });
    validatePath(chain, {
      store,
      now: judged.now ?? now,
      allowProxies: judged.prohibitProxies !== true,
      ...(judged.voRoots === undefined ? {} : { voRoots: judged.voRoots }),
    });
    return 'ok';
  } catch (error) {
    if (!isXosError(error)) throw error;
    if (error.code === 'XOS_INPUT_BAD' || error.code === 'XOS_INPUT_TOO_LARGE') return 'unreadable';
    const rule = error.details['rule'];
    assert.equal(typeof error.details['subject'], 'string', 'a refusal names the certificate');
    return String(rule ?? error.message);
  }
}

describe('paths as OpenSSL judges them', () => {
  test('the oracle is OpenSSL 3', () => {
    assert.match(execFileSync('openssl', ['version'], { encoding: 'utf8' }), /^OpenSSL 3\./);
  });

  for (const oracleCase of oracleCases) {
    test(oracleCase.name, () => {
      const judged = oracleCase.make();
      assert.deepEqual(
        { ours: ourVerdict(judged), openssl: opensslVerdict(judged) },
        { ours: oracleCase.ours, openssl: oracleCase.openssl },
      );
      const agree = (oracleCase.ours === 'ok') === (oracleCase.openssl === 'ok');
      if (agree) {
        assert.equal(oracleCase.difference, undefined, 'both agree: nothing to argue');
      } else {
        assert.ok(
          oracleCase.difference !== undefined && documented.has(oracleCase.difference),
          `docs/path-validation.md argues the difference ${oracleCase.difference}`,
        );
      }
    });
  }

  test('every difference that the page argues is shown by a case', () => {
    const shown = new Set(oracleCases.map(({ difference }) => difference));
    assert.deepEqual(
      [...documented].filter((name) => !shown.has(name)),
      [],
    );
  });
});
