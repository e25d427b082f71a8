import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { manualClock, silentLogger } from '@xtreemos/base';
import { makeTrustStore } from '@xtreemos/identity';
import { temporaryDirectory } from './account-fixtures.ts';
import { FakeVo } from './grid-fixtures.ts';
import { FakeHelper, TEST_NOW } from './host-fixtures.ts';
import { renewHostCertificates } from './host-renewal.ts';
import { readJoinedVos } from './joined-vo.ts';
import { VoDirectory } from './vo-directory.ts';

test('a host certificate is renewed with its key when two thirds of its life have passed, not before', async (context) => {
  const directory = temporaryDirectory(context);
  const vo = new FakeVo('physics.example', TEST_NOW);
  await vo.install(directory);
  const clock = manualClock(TEST_NOW.getTime());
  const asked: string[] = [];
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
        return { accounts: 'renewed chain' };
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
      helper,
      clock,
      logger: silentLogger,
    });
  await renew();
  assert.deepEqual(asked, []);
  clock.advance(21 * 86_400_000);
  await renew();
  assert.deepEqual(asked, ['node1.example accounts']);
  assert.deepEqual(installed, ['accounts renewed chain']);
  assert.ok(existsSync(`${directory}/host/physics.example/accounts.key`));
});
