import { addressText, productVersion, runService } from '@xtreemos/base';
import { checkConfiguration, configurationSchema } from './configuration.ts';
import { keepStatus } from './status-line.ts';
import { startVoService } from './vo-service.ts';

await runService({
  name: 'vo',
  version: productVersion,
  configuration: configurationSchema,
  check: checkConfiguration,
  async start(context) {
    const service = await startVoService(context);
    const stopStatus = keepStatus(service.context, service.addresses.map(addressText), context.setStatus);
    return {
      stop: (deadline) => {
        stopStatus();
        return service.stop(deadline);
      },
      reload: async (configuration) => service.reload(configuration),
    };
  },
});
