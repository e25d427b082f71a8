import { productVersion, runService } from '@xtreemos/base';
import { readJoinedVos } from '@xtreemos/identity';
import { offerOnBus } from './accounts-bus.ts';
import { AccountsService } from './accounts-service.ts';
import { accountsConfiguration } from './configuration.ts';
import { readSiteRules } from './site-rules.ts';

await runService({
  name: 'accounts',
  version: productVersion,
  configuration: accountsConfiguration,
  check(configuration) {
    readSiteRules(configuration);
    readJoinedVos(configuration.Accounts.VoDirectory);
  },
  async start(context) {
    const service = await AccountsService.start(context);
    const bus = context.configuration.Accounts.Bus
      ? offerOnBus(service, productVersion, context.logger)
      : undefined;
    return {
      reload: (configuration) => service.reload(configuration),
      async stop() {
        await bus?.close();
        await service.stop();
      },
    };
  },
});
