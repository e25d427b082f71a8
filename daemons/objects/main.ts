import { productVersion, runService } from '@xtreemos/base';
import { checkConfiguration, configurationSchema } from './configuration.ts';
import { startObjects } from './objects-service.ts';

await runService({
  name: 'osd',
  version: productVersion,
  configuration: configurationSchema,
  check: checkConfiguration,
  start: startObjects,
});
