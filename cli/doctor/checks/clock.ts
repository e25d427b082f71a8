import { durationText } from '../../output/time-text.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, ok, unchecked, warning } from '../finding.ts';

/** What path validation forgives (docs/path-validation.md). */
const toleratedMs = 300_000;
const noticeableMs = 30_000;
const synchronize =
  'timedatectl set-ntp true (apt install systemd-timesyncd, or chrony), then: timedatectl status';

/** Certificates are refused by a clock that is wrong by more than five minutes. */
export const clock: Check = {
  name: 'clock',
  about: "that the clock agrees with the VO services' and is kept by NTP",
  examine: async (host) => {
    const [own, ...others] = await Promise.all([kept(host), ...host.vos.map((record) => skew(host, record))]);
    return [own, ...others];
  },
};

async function skew(host: ExaminedHost, record: ExaminedHost['vos'][number]): Promise<Finding> {
  let skewMs: number;
  try {
    ({ skewMs } = await host.askService(record));
  } catch {
    return unchecked(`not compared with ${record.vo}: its service does not answer (see service)`);
  }
  const text =
    Math.abs(skewMs) < 1000
      ? `within a second of the service of ${record.vo}`
      : `${durationText(Math.abs(skewMs))} ${skewMs > 0 ? 'behind' : 'ahead of'} the service of ${record.vo}`;
  if (Math.abs(skewMs) > toleratedMs) return failure(`${text}: certificates are refused`, synchronize);
  return Math.abs(skewMs) > noticeableMs ? warning(text, synchronize) : ok(text);
}

/** What the kernel says of its clock (adjtimex(2), STA_UNSYNC), by way of timedatectl. */
async function kept(host: ExaminedHost): Promise<Finding> {
  const outcome = await host.run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  switch (outcome.status === 0 ? outcome.stdout.trim() : '') {
    case 'yes':
      return ok('kept by NTP');
    case 'no':
      return warning('no time service keeps this clock', synchronize);
    default:
      return unchecked(
        outcome.isMissing
          ? 'whether NTP keeps the clock: there is no timedatectl'
          : 'whether NTP keeps the clock: timedatectl does not say',
      );
  }
}
