import { type ConfigurationOf, defineConfiguration, kind, XosError } from '@xtreemos/base';
import { connectionKeys, parseFileId, securitySection, statusSection } from '@xtreemos/xtreemfs';

/** mrc.conf */
export const configurationSchema = defineConfiguration({
  Metadata: {
    Listen: kind.listenList([{ address: '', port: 32636 }]),
    /** Under which this MRC is known for ever; kept in the state directory when it is not given. */
    Uuid: kind.text(),
    StateDirectory: kind.path('/var/lib/xtreemos/mrc'),
    /** Here the local administrator makes and removes volumes. */
    AdminSocket: kind.path('/run/xtreemos/mrc/admin.sock'),
    ...connectionKeys,
  },
  Directory: {
    /** Host and port of the DIR. A name has to be the one in its certificate; an address is of whoever has role dir in the VO there. */
    Address: kind.text('127.0.0.1'),
    Port: kind.port(32638),
    /** How others reach this MRC; default: the name in its certificate. */
    AdvertisedAddress: kind.text(),
    Heartbeat: kind.timeSpan('30s', { minimum: 100, maximum: 3_600_000 }),
  },
  Security: securitySection,
  Status: statusSection,
  Clients: {
    /** What a client has open ends when it was silent for so long. */
    Lease: kind.timeSpan('60s', { minimum: 1000, maximum: 3_600_000 }),
    OpenFiles: kind.integer(100_000, { minimum: 1 }),
    /** How long an XCap counts before it has to be renewed. */
    Capability: kind.timeSpan('5min', { minimum: 10_000, maximum: 86_400_000 }),
  },
  Placement: {
    /** OSDs that gave no sign of life for so long get no new files. */
    OsdSilence: kind.timeSpan('5min', { minimum: 1000 }),
    /** OSDs with less free space get none either. */
    OsdFreeSpace: kind.size('2GiB'),
  },
});

export type MetadataConfiguration = ConfigurationOf<typeof configurationSchema>;

/** @throws XosError XOS_CONFIGURATION_BAD */
export function checkConfiguration({ Metadata }: MetadataConfiguration): void {
  // A uuid is written as the first part of a file id is.
  if (Metadata.Uuid !== undefined && parseFileId(`${Metadata.Uuid}:0`) === undefined)
    throw new XosError('XOS_CONFIGURATION_BAD', {
      reason: `[Metadata] Uuid=${Metadata.Uuid}: expected letters, digits and '-'`,
    });
}
