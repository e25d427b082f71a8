/** What an administrator puts on a host to use the repositories. */
import { suite } from './apt-repository.ts';

/** Stands in the files where their reader has to put the address, unless it was known when they were made. */
export const addressPlaceholder = '@URL@';

/** For /etc/apt/sources.list.d/ (sources.list(5)). */
export function aptSources(url: string): string {
  return [
    'Types: deb',
    `URIs: ${url}/apt`,
    `Suites: ${suite}`,
    'Components: main',
    'Signed-By: /usr/share/keyrings/xtreemos-archive-keyring.gpg',
    '',
  ].join('\n');
}

/** For /etc/yum.repos.d/ (dnf.conf(5)). */
export function dnfRepository(url: string): string {
  return [
    '[xtreemos]',
    'name=XtreemOS',
    `baseurl=${url}/dnf`,
    'enabled=1',
    'gpgcheck=1',
    'repo_gpgcheck=1',
    'gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-xtreemos',
    '',
  ].join('\n');
}
