import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { manualClock, silentLogger } from '@xtreemos/base';
import {
  certificateRequestPem,
  makeCertificateRequest,
  makeTrustStore,
  readJoinedVos,
} from '@xtreemos/identity';
import { temporaryDirectory } from './account-fixtures.ts';
import { FakeVo } from './grid-fixtures.ts';
import { FakeHelper, TEST_NOW } from './host-fixtures.ts';
import { renewHostCertificates } from './host-renewal.ts';
import { VoDirectory } from './vo-directory.ts';

/** A joined host 21 days later, and what is asked of the VO service and of the helper there. */
async function worldIn(directory: string) {
  const vo = new FakeVo('physics.example', TEST_NOW);
  await vo.install(directory);
  const clock = manualClock(TEST_NOW.getTime());
  const asked: string[] = [];
  const csrsAsked: Partial<Record<string, string>>[] = [];
  const installed: string[] = [];
  const vos = new VoDirectory({
    hostDirectory: `${directory}/host`,
    stateDirectory: `${directory}/state`,
    clock,
    trust: () => makeTrustStore({ anchors: [] }),
    connect: () => ({
      ...vo.service(),
      renewHostCertificates: async (_vo, hostname, { csrs }) => {
        asked.push(`${hostname} ${Object.keys(csrs).join()}`);
        csrsAsked.push(csrs);
        return Object.fromEntries(Object.keys(csrs).map((role) => [role, 'renewed chain']));
      },
    }),
  });
  vos.set(readJoinedVos(`${directory}/vo.d`));
  const helper = {
    ...new FakeHelper().helper,
    installHostCertificate: async ({ role, pem }: { role: string; pem: string }) => {
      installed.push(`${role} ${pem}`);
      return { path: '' };
    },
  };
  const renew = () =>
    renewHostCertificates(vo.id, {
      directory: vos,
      hostDirectory: `${directory}/host`,
      requestDirectory: `${directory}/run`,
      helper,
      clock,
      logger: silentLogger,
    });
  return { clock, asked, csrsAsked, installed, renew };
}

test("a certificate whose key is another daemon's is renewed with the request that it laid out, for that key alone", async (context) => {
  const directory = temporaryDirectory(context);
  const { clock, asked, csrsAsked, installed, renew } = await worldIn(directory);
  const host = `${directory}/host/physics.example`;
  // To this daemon the key of role osd is as good as not there.
  const key = createPrivateKey(readFileSync(`${host}/accounts.key`));
  copyFileSync(`${host}/accounts.pem`, `${host}/osd.pem`);
  mkdirSync(`${directory}/run/osd`, { recursive: true });
  const layOut = (of: KeyObject) => {
    const request = certificateRequestPem(makeCertificateRequest({ key: of, commonName: 'node1.example' }));
    writeFileSync(`${directory}/run/osd/physics.example.csr`, request);
    return request;
  };
  layOut(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  clock.advance(21 * 86_400_000);
  await renew();
  assert.deepEqual(asked, ['node1.example accounts']);
  const request = layOut(key);
  await renew();
  assert.deepEqual(csrsAsked.at(-1), { osd: request });
  assert.equal(installed.at(-1), 'osd renewed chain');
});

test('a host certificate is renewed with its key when two thirds of its life have passed, not before', async (context) => {
  const directory = temporaryDirectory(context);
  const { clock, asked, installed, renew } = await worldIn(directory);
  await renew();
  assert.deepEqual(asked, []);
  clock.advance(21 * 86_400_000);
  await renew();
  assert.deepEqual(asked, ['node1.example accounts']);
  assert.deepEqual(installed, ['accounts renewed chain']);
  assert.ok(existsSync(`${directory}/host/physics.example/accounts.key`));
});
