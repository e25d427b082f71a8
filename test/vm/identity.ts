/** What makes a machine out of the copy of one. */
import { randomBytes } from 'node:crypto';
import { macAddress } from './qemu.ts';

/** A shell script that root runs in the machine. Everything is on its disk when the script ends. */
export function identityScript(
  name: string,
  number: number,
  neighbours: ReadonlyMap<string, number>,
): string {
  const known = [...neighbours].flatMap(([host, count]) => [
    `10.77.0.${count} ${host}.xos.test ${host}`,
    `fd77::${count} ${host}.xos.test ${host}`,
  ]);
  return `
hostname ${name}
echo ${name} >/etc/hostname
echo ${randomBytes(16).toString('hex')} >/etc/machine-id
cat >/etc/hosts <<HOSTS
127.0.0.1 localhost
::1 localhost
${known.join('\n')}
HOSTS
cat >/etc/systemd/network/10-grid.network <<NETWORK
[Match]
Name=eth0
[Network]
Address=10.77.0.${number}/24
Address=fd77::${number}/64
LinkLocalAddressing=ipv6
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
NETWORK
ip link set eth0 down
ip link set eth0 address ${macAddress(number)}
# sshd is never without a host key, whoever reloads it meanwhile.
ssh-keygen -q -t ed25519 -N '' -C ${name} -f /etc/ssh/own_key
for old in /etc/ssh/ssh_host_*; do case $old in */ssh_host_ed25519_key*) ;; *) rm -f "$old" ;; esac; done
mv /etc/ssh/own_key.pub /etc/ssh/ssh_host_ed25519_key.pub
mv /etc/ssh/own_key /etc/ssh/ssh_host_ed25519_key
networkctl reload
systemctl restart systemd-journald.service systemd-networkd.service
# getty's prompt on the console shows the new name; services of ours that were stopped before saving start with random numbers
# of their own.
systemctl restart serial-getty@ttyS0.service
systemctl restart ssh.service
if [ -e ${stoppedList} ]; then xargs -r systemctl start <${stoppedList}; rm ${stoppedList}; fi
for wait in $(seq 300); do ip -4 address show dev eth0 | grep -q inet && break; sleep 0.1; done
sync
`;
}

/** Units that were active before they were stopped for saving; a file in the machine. */
export const stoppedList = '/var/tmp/xos-test-stopped';

/** Stops the services of ours: the random number generators in their memory must not be copied. */
export const stopServices = `
systemctl list-units --plain --no-legend --state=active 'xos-*.service' | cut -d' ' -f1 | grep -v xos-test-agent >${stoppedList} || true
xargs -r systemctl stop <${stoppedList}
sync
`;
