/** DIR, OSD and MRC over TLS, each on a joined host of its own, in the process of the test. */
import type { TestContext } from 'node:test';
import { type ConfigurationSchema, parseConfiguration, type RunningService } from '@xtreemos/base';
import {
  contextOf,
  joinedHost,
  otherGuid,
  securityLines,
} from '../../packages/xtreemfs/joined-host-fixture.ts';
import { configurationSchema as directorySchema } from '../directory/configuration.ts';
import { startDirectory } from '../directory/directory-service.ts';
import { configurationSchema as objectsSchema } from '../objects/configuration.ts';
import { startObjects } from '../objects/objects-service.ts';
import { configurationSchema } from './configuration.ts';
import { startMetadata } from './metadata-service.ts';

function configured<Schema extends ConfigurationSchema>(schema: Schema, lines: readonly string[]) {
  return contextOf(parseConfiguration(schema, [{ file: 'x.conf', content: `${lines.join('\n')}\n` }]).value);
}

export interface Running {
  readonly folder: string;
  readonly port: number;
}

function running(
  context: TestContext,
  folder: string,
  service: RunningService<never>,
  status: string,
): Running {
  context.after(() => service.stop(AbortSignal.timeout(5_000)));
  return { folder, port: Number(/:(\d+)(?:$|[ ,])/.exec(status)?.[1]) };
}

const link = (port: number): readonly string[] => [
  '[Directory]',
  'Address=127.0.0.1',
  `Port=${port}`,
  'AdvertisedAddress=127.0.0.1',
  'Heartbeat=100ms',
];

export async function startTlsServers(
  context: TestContext,
  /** Of each server, in the section of Listen=. */
  settings: readonly string[] = [],
) {
  const dirFolder = await joinedHost(context, 'dir');
  const dir = configured(directorySchema, [
    '[Directory]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${dirFolder}/state`,
    ...settings,
    ...securityLines(dirFolder),
  ]);
  const directory = running(context, dirFolder, await startDirectory(dir.parts), dir.told.status);
  const osdFolder = await joinedHost(context, 'osd');
  const objects = configured(objectsSchema, [
    '[Objects]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${osdFolder}/state`,
    ...settings,
    'Uuid=osd-1',
    ...link(directory.port),
    ...securityLines(osdFolder),
    '[Storage]',
    'Reserve=1MiB',
    'LogSegment=8MiB',
  ]);
  const osd = running(context, osdFolder, await startObjects(objects.parts), objects.told.status);
  const mrcFolder = await joinedHost(context, 'mrc', otherGuid);
  const metadata = configured(configurationSchema, [
    '[Metadata]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${mrcFolder}/state`,
    ...settings,
    `AdminSocket=${mrcFolder}/admin.sock`,
    'Uuid=mrc-1',
    ...link(directory.port),
    ...securityLines(mrcFolder),
    '[Placement]',
    'OsdFreeSpace=1MiB',
    'OsdSilence=100000d',
  ]);
  const mrc = running(context, mrcFolder, await startMetadata(metadata.parts), metadata.told.status);
  return { directory, osd, mrc };
}
