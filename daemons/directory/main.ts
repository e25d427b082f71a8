import { productVersion, runService } from '@xtreemos/base';
import { configurationSchema } from './configuration.ts';
import { startDirectory } from './directory-service.ts';

await runService({
  name: 'dir',
  version: productVersion,
  configuration: configurationSchema,
  start: startDirectory,
});
