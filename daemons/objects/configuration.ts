import { type ConfigurationOf, defineConfiguration, kind, XosError } from '@xtreemos/base';
import { connectionKeys, parseFileId, securitySection, statusSection } from '@xtreemos/xtreemfs';

/** osd.conf */
export const configurationSchema = defineConfiguration({
  Objects: {
    Listen: kind.listenList([{ address: '', port: 32640 }]),
    /** Under which this OSD is known for ever; kept in the state directory when it is not given. */
    Uuid: kind.text(),
    StateDirectory: kind.path('/var/lib/xtreemos/osd'),
    ...connectionKeys,
  },
  Directory: {
    /** Host and port of the DIR. A name has to be the one in its certificate; an address is of whoever has role dir in the VO there. */
    Address: kind.text('127.0.0.1'),
    Port: kind.port(32638),
    /** How others reach this OSD; default: the name in its certificate. */
    AdvertisedAddress: kind.text(),
    Heartbeat: kind.timeSpan('30s', { minimum: 100, maximum: 3_600_000 }),
  },
  Security: {
    ...securitySection,
    /** Public keys whose XCaps count whatever the DIR says of MRCs, PEM, several in a file or several files. */
    MrcKeys: kind.pathList([]),
  },
  Status: statusSection,
  Storage: {
    /** Free space that is never used for data. */
    Reserve: kind.size('256MiB'),
    /** Of each of the two segments of the write log. */
    LogSegment: kind.size('32MiB', { minimum: 8 << 20, maximum: 1 << 30 }),
    OpenFiles: kind.integer(2048, { minimum: 16, maximum: 1_000_000 }),
    /** What was written and not synced, beyond which it is synced in the background. */
    Unsynced: kind.size('64MiB', { minimum: 1 << 20 }),
    /** Everything is read and compared with its checksums this often; 0: never. */
    ScrubInterval: kind.timeSpan('7d'),
    ScrubRate: kind.size('16MiB', { minimum: 4096 }),
  },
  Locks: {
    /** Locks of a client that gives no sign of life for so long end. */
    Lease: kind.timeSpan('60s', { minimum: 1000, maximum: 3_600_000 }),
    MostOfClient: kind.integer(10_000, { minimum: 1 }),
    Most: kind.integer(1_000_000, { minimum: 1 }),
  },
});

export type ObjectsConfiguration = ConfigurationOf<typeof configurationSchema>;

/** @throws XosError XOS_CONFIGURATION_BAD */
export function checkConfiguration({ Objects }: ObjectsConfiguration): void {
  const refuse = (reason: string) => new XosError('XOS_CONFIGURATION_BAD', { reason });
  // A uuid is written as the first part of a file id is.
  if (Objects.Uuid !== undefined && parseFileId(`${Objects.Uuid}:0`) === undefined)
    throw refuse(`[Objects] Uuid=${Objects.Uuid}: expected letters, digits and '-'`);
}
