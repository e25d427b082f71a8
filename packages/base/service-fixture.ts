/** A small daemon for service.test.ts: answers each connection with its greeting. */
import { createServer } from 'node:net';
import { boolean, path, text, timeSpan } from './configuration-kind.ts';
import { defineEvent } from './log-event.ts';
import { runService } from './service.ts';
import { XosError } from './xos-error.ts';

const connected = defineEvent('fixture.connected');

await runService({
  name: 'fixture',
  version: '1.2.3',
  configuration: {
    Fixture: {
      Socket: path('/nonexistent/fixture.sock'),
      Greeting: text('hello'),
      StopTime: timeSpan(0),
      Healthy: boolean(true),
      Fail: text('no'),
    },
  },
  drainMs: 300,
  check: ({ Fixture }) => {
    if (Fixture.Greeting === 'rude')
      throw new XosError('XOS_CONFIGURATION_BAD', { reason: 'rude greetings are not allowed' });
  },
  async start({ configuration, logger, sockets, metrics }) {
    let { Greeting, StopTime, Healthy, Fail } = configuration.Fixture;
    if (Fail === 'start')
      throw new XosError('XOS_UNREACHABLE', { what: 'the moon', address: 'orbit', reason: 'far' });
    const connections = metrics.counter({ name: 'xos_fixture_connections', help: 'Connections' });
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      connections.increment({});
      logger.info(connected, 'Somebody connected', { greeting: Greeting });
      if (Fail === 'throw') throw new Error('thrown in a callback');
      if (Fail === 'reject') void Promise.reject(new Error('rejected in passing'));
      socket.end(`${Greeting} ${process.env['XTREEMOS_NSS']} ${process.umask().toString(8)}\n`);
    });
    await sockets.listenUnix(server, { name: 'main', path: configuration.Fixture.Socket, mode: 0o666 });
    return {
      healthy: () => Healthy,
      async reload(next) {
        ({ Greeting, StopTime, Healthy, Fail } = next.Fixture);
      },
      async stop(deadline) {
        server.close();
        await new Promise<void>((resolve) => {
          setTimeout(resolve, StopTime);
          deadline.addEventListener('abort', () => process.stderr.write('the deadline passed\n'));
        });
      },
    };
  },
});
