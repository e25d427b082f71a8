import { productVersion, runService } from '@xtreemos/base';
import { configurationSchema } from './configuration.ts';
import { checkConfiguration, startHelper } from './helper-service.ts';

await runService({
  name: 'helper',
  version: productVersion,
  configuration: configurationSchema,
  check: checkConfiguration,
  start: startHelper,
});
