/** The hardware of a machine. A saved state fits only the hardware it was saved on, so this is the same for all of them. */

export interface Hardware {
  /** Folder of kernel and initrd, as the ground sees it (test/vm/image). */
  readonly image: string;
  /** Folder of disk (disk.qcow2) and sockets, as the ground sees it. */
  readonly folder: string;
  /** Ends the hardware address of its network card. */
  readonly number: number;
  /** Where a machine starts from that does not boot: a file with its memory. */
  readonly memory?: string;
  /** What the clock says at power on, where that is not the time. */
  readonly clock?: Date;
  /** Whether /dev/kvm can be used; without, the processor is emulated. */
  readonly kvm: boolean;
}

export function macAddress(number: number): string {
  return `52:54:00:77:00:${number.toString(16).padStart(2, '0')}`;
}

/** This host's processor, or an emulated one. */
export function processor(kvm: boolean): string[] {
  // Without cx16: QEMU 7.2 emulates the locked 16-byte exchange wrongly for Linux 6.12's allocator.
  return kvm ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg', '-cpu', 'qemu64,-cx16'];
}

/** The words that start a machine, halted: QMP's `cont` lets it run. Console on the terminal that it is started on. */
export function qemu(hardware: Hardware): string[] {
  const { folder, image } = hardware;
  // Mitigations protect nobody from an emulated processor, and cost it much. A panic ends the machine, as -no-reboot does a reboot.
  // systemd's 90 s are short where many share the processor that emulates this one.
  const patience = 'systemd.default_timeout_start_sec=900 systemd.default_device_timeout_sec=900';
  const kernel = 'root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 net.ifnames=0 panic=-1';
  const clock = hardware.clock?.toISOString().slice(0, 19);
  return [
    'qemu-system-x86_64',
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-S'],
    ...['-machine', 'pc', ...processor(hardware.kvm), '-smp', '1', '-m', '1024'],
    ...['-kernel', `${image}/kernel`, '-initrd', `${image}/initrd`, '-append', `${kernel} ${patience}`],
    ...['-rtc', `base=${clock ?? 'utc'}`],
    // What the machine has not flushed is in its memory, or in QEMU's, and is lost with the power; what it flushed is kept.
    ...['-drive', `if=none,id=disk,format=qcow2,cache=writeback,discard=unmap,file=${folder}/disk.qcow2`],
    ...['-device', 'virtio-blk-pci,drive=disk'],
    // A new generation id tells the kernel that its memory is a copy: it takes new random numbers then.
    ...['-device', 'virtio-rng-pci', '-device', 'vmgenid,guid=auto'],
    ...['-netdev', 'socket,id=lan,mcast=230.77.0.1:7777,localaddr=127.0.0.1'],
    ...['-device', `virtio-net-pci,netdev=lan,id=card,mac=${macAddress(hardware.number)}`],
    ...[
      '-device',
      'virtio-serial-pci',
      '-chardev',
      `socket,id=agent,server=on,wait=off,path=${folder}/agent`,
    ],
    ...['-device', 'virtserialport,chardev=agent,name=xtreemos.test'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...(hardware.memory === undefined ? [] : ['-incoming', `exec:cat ${hardware.memory}`]),
  ];
}
