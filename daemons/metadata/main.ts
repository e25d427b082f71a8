import { productVersion, runService } from '@xtreemos/base';
import { checkConfiguration, configurationSchema } from './configuration.ts';
import { startMetadata } from './metadata-service.ts';

await runService({
  name: 'mrc',
  version: productVersion,
  configuration: configurationSchema,
  check: checkConfiguration,
  start: startMetadata,
});
