import { productVersion, runService } from '@xtreemos/base';
import { checkConfiguration, configurationSchema } from './configuration.ts';
import { startVoService } from './vo-service.ts';

await runService({
  name: 'vo',
  version: productVersion,
  configuration: configurationSchema,
  check: checkConfiguration,
  async start(context) {
    const service = await startVoService(context);
    context.setStatus(`Serving ${service.publicUrl}`);
    return {
      stop: (deadline) => service.stop(deadline),
      reload: async (configuration) => service.reload(configuration),
    };
  },
});
