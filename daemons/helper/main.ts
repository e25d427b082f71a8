import { runService } from '@xtreemos/base';
import { configurationSchema } from './configuration.ts';
import { checkConfiguration, startHelper } from './helper-service.ts';

await runService({
  name: 'helper',
  version: '0.1.0',
  configuration: configurationSchema,
  check: checkConfiguration,
  start: startHelper,
});
