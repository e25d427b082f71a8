import { type ConfigurationOf, defineConfiguration, kind } from '@xtreemos/base';
import { connectionKeys, securitySection, statusSection } from '@xtreemos/xtreemfs';

/** dir.conf */
export const configurationSchema = defineConfiguration({
  Directory: {
    Listen: kind.listenList([{ address: '', port: 32638 }]),
    StateDirectory: kind.path('/var/lib/xtreemos/dir'),
    ...connectionKeys,
  },
  Security: securitySection,
  Status: statusSection,
});

export type DirectoryConfiguration = ConfigurationOf<typeof configurationSchema>;
