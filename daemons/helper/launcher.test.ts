import assert from 'node:assert/strict';
import { type ExecFileSyncOptions, execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';

const folder = join(import.meta.dirname, 'launcher');
const uid = 2_030_043_207;
const other = 2_030_043_208;

before(() => {
  execFileSync('make', ['-s', '-C', folder]);
});

/**
 * Runs a script as init of private PID, mount and IPC namespaces. Nothing outside can be killed or removed by it; what it
 * leaves ends with it.
 */
function isolated(script: string, options: ExecFileSyncOptions = {}): string {
  const namespaces = ['--pid', '--mount', '--ipc', '--fork', '--kill-child', '--mount-proc'];
  const prologue = `
    set -eu
    launch=${folder}/build/xos-launch-sanitized
    # The leak checker cannot trace a process that gave up root.
    export ASAN_OPTIONS=detect_leaks=0
    as() { local id=$1; shift; setpriv --reuid $id --regid $id --clear-groups "$@"; }
    await() { for i in $(seq 3000); do eval "$1" && return; sleep 0.01; done; echo "timed out: $1"; exit 1; }
    alive() { [ "$(ps -o stat= -p "$1" | cut -c1)" != Z ] && kill -0 "$1" 2>/dev/null; }
  `;
  return execFileSync('unshare', [...namespaces, 'bash', '-c', prologue + script], {
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  }) as string;
}

test('every process of the uid is killed, and none of others', () => {
  const output = isolated(`
    as ${uid} sleep 300 & mine=$!
    as ${uid} sh -c 'trap "" TERM INT HUP; while :; do sleep 300; done' & stubborn=$!
    as ${other} sleep 300 & theirs=$!
    sleep 300 & roots=$!
    await "[ \\$(ps -o comm= -u ${uid} | grep -c sleep) -ge 2 ] && [ \\$(ps -o comm= -u ${other} | grep -c sleep) = 1 ]"
    $launch --kill-uid ${uid}
    alive $mine || echo mine gone
    alive $stubborn || echo stubborn gone
    alive $theirs && echo theirs there
    alive $roots && echo roots there
    echo "count $(ps -o stat= -u ${uid} | grep -vc Z || true)"
  `);
  assert.equal(output, 'left=0\nmine gone\nstubborn gone\ntheirs there\nroots there\ncount 0\n');
});

test('accounts ended at once do not keep each other from it', () => {
  const output = isolated(`
    for round in 1 2 3; do
      killers=
      for id in $(seq ${uid} $((${uid} + 7))); do as $id sleep 300 & done
      await "[ \\$(ps -eo comm= | grep -c sleep) = 8 ]"
      for id in $(seq ${uid} $((${uid} + 7))); do
        (for again in 1 2 3 4 5; do $launch --kill-uid $id >/dev/null || exit 1; done) & killers="$killers $!"
      done
      for killer in $killers; do wait $killer || echo "failed"; done
    done
    echo done
  `);
  assert.equal(output, 'done\n');
});

test('a fork bomb ends', () => {
  const output = isolated(`
    ulimit -u 60
    as ${uid} perl -e '$SIG{CHLD} = "IGNORE"; fork() while 1' &
    await "[ \\$(ps -o pid= -u ${uid} | wc -l) -ge 20 ]"
    timeout 30 $launch --kill-uid ${uid}
  `);
  assert.equal(output, 'left=0\n');
});

test('a process that keeps stopping all that it may cannot stop its killer', () => {
  const output = isolated(`
    for round in $(seq 20); do
      as ${uid} perl -e 'kill("STOP", -1) while 1' &
      await "[ \\$(ps -o comm= -u ${uid} | grep -c perl) = 1 ]"
      timeout --signal=KILL 10 $launch --kill-uid ${uid} || echo "round $round: $?"
      wait
    done | sort | uniq -c | tr -s ' '
  `);
  assert.equal(output, ' 20 left=0\n');
});

test('System V objects of the uid go, those of others stay; its keyrings are emptied', () => {
  const output = isolated(`
    for owner in ${uid} ${other}; do
      as $owner ipcmk -M 4096 -p 0 >/dev/null; as $owner ipcmk -S 3 -p 0 >/dev/null; as $owner ipcmk -Q -p 0 >/dev/null
    done
    ipcmk -M 4096 >/dev/null
    as ${uid} keyctl add user mine secret @u >/dev/null
    $launch --remove-leftovers ${uid}
    echo "left $(tail -qn +2 /proc/sysvipc/* | wc -l) of $(grep -hc ' ${other} ' /proc/sysvipc/* | tr '\\n' ' ')"
    as ${uid} keyctl show @u | grep -c mine || true
  `);
  assert.equal(output, 'memory=1 semaphores=1 queues=1 keyrings=2\nleft 4 of 1 1 1 \n0\n');
});

test('ids of the system and anything unknown are refused before anything is done', () => {
  const refused: readonly (readonly string[])[] = [
    [],
    ['--kill-uid'],
    ...[
      '0',
      '1',
      '-1',
      '1000',
      '65535',
      '2147483648',
      '4294967295',
      '4294967296',
      '+2030043207',
      ' 2030043207',
    ].map((id) => ['--kill-uid', id]),
    ...['02030043207', '0x7900', '2030043207x', '', '99999999999999999999'].map((id) => [
      '--remove-leftovers',
      id,
    ]),
    ['--kill-uid', String(uid), '0'],
    ['--kill-uid', String(uid), '10', 'x'],
    ['--remove-leftovers', String(uid), 'x'],
    ['--unknown', String(uid)],
    ['--run'],
    ['--run', '--uid', '0', '--', '/bin/true'],
    ['--run', '--uid', String(uid), '--', 'true'],
    ['--run', '--groups', '2013265920,27', '--', '/bin/true'],
    ['--run', '--login-name', '../alice@physics', '--', '/bin/true'],
    ['--run', '--limit', 'open-files=1', '--', '/bin/true'],
    ['--run', '--uid'],
  ];
  const program = join(folder, 'build/xos-launch-sanitized');
  for (const arguments_ of refused) {
    // Even if it went on, as a user without rights it could do nothing.
    const { status } = spawnSync(program, arguments_, { uid: 65_534, gid: 65_534, stdio: 'ignore' });
    assert.equal(status, 2, arguments_.join(' '));
  }
  const asUser = spawnSync(program, ['--kill-uid', String(uid)], {
    uid: 65_534,
    gid: 65_534,
    encoding: 'utf8',
  });
  assert.equal(asUser.status, 2);
  assert.match(asUser.stderr, /must run as root/);
});

const run = `--run --uid ${uid} --gid ${uid} --groups 2013265920,2013265921 --login-name alice@physics`;

/** PAM with a service xos-exec of this test's own. */
const pam = `
  dir=$(mktemp -d); trap 'rm -rf $dir' EXIT; chmod 755 $dir
  mount -t tmpfs none /etc/pam.d
  printf 'account required pam_permit.so\\nauth required pam_permit.so\\nsession required pam_permit.so\\n' > /etc/pam.d/xos-exec
  printf '#!/bin/sh\\necho "$PAM_TYPE $PAM_USER" >> %s/pam.log\\n' $dir > $dir/note; chmod 755 $dir/note
  echo "session required pam_exec.so $dir/note" >> /etc/pam.d/xos-exec
`;

test('a program runs as the user alone: ids, groups, limits, environment, directory, descriptors', () => {
  const output = isolated(`
    ${pam}
    cat > $dir/job <<'JOB'
#!/bin/sh
exec > "$OUT" 2>&1
id -u; id -g; id -G; pwd; ulimit -n; env | sort | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD
echo "descriptors $(ls /proc/self/fd | tr '\\n' ' ')"
grep -E '^(CapEff|CapPrm|SigIgn|SigBlk)' /proc/self/status
grep -c . /etc/shadow || echo no shadow
exit 7
JOB
    chmod 755 $dir/job; mkdir $dir/out; chmod 777 $dir/out
    export LSAN_OPTIONS=detect_leaks=0
    printf 'OUT=%s\\0A=b c\\0' $dir/out/log > $dir/environment
    set +e
    exec 9</etc/shadow
    $launch ${run} --directory $dir/out --limit open-files=77 -- $dir/job x 3<$dir/environment 4>$dir/report
    echo "status $?"
    sed 's/[0-9][0-9]*/N/' $dir/report
    sed "s,$dir,DIR," $dir/out/log
    grep -oE '(open|close)_session alice@physics' $dir/pam.log
  `);
  const lines = output.split('\n');
  assert.deepEqual(lines.slice(0, 2), ['status 7', 'started N']);
  assert.deepEqual(lines.slice(2, 9), [
    String(uid),
    String(uid),
    `${uid} 2013265920 2013265921`,
    'DIR/out',
    '77',
    'A=b c',
    'OUT=DIR/out/log',
  ]);
  // 3 is the directory that ls reads.
  assert.equal(lines[9], 'descriptors 0 1 2 3 ');
  assert.match(output, /CapPrm:\t0{16}\nCapEff:\t0{16}/);
  assert.match(output, /SigBlk:\t0{16}\nSigIgn:\t0{16}/);
  assert.match(output, /no shadow/);
  assert.match(output, /open_session alice@physics\nclose_session alice@physics/);
});

test('what cannot start says why, and the session is closed all the same', () => {
  const output = isolated(`
    ${pam}
    set +e
    attempt() { $launch "$@" 3</dev/null 4>$dir/report; echo "$? $(cat $dir/report)"; }
    attempt ${run} --directory / -- /nonexistent
    attempt ${run} --directory /root -- /bin/true
    attempt ${run} --directory / --stdio $dir/absent -- /bin/true
    attempt ${run} --directory / --cgroup $dir/absent -- /bin/true
    printf 'A=unterminated' > $dir/bad
    $launch ${run} --directory / -- /bin/true 3<$dir/bad 4>$dir/report; echo "$? $(cat $dir/report)"
    sed -i 's/^account.*/account required pam_deny.so/' /etc/pam.d/xos-exec
    attempt ${run} --directory / -- /bin/true
    attempt ${run} --directory / --pam-service absent -- /bin/true
    sort $dir/pam.log | uniq -c | tr -s ' '
  `);
  assert.deepEqual(
    output
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/pam_\w+: .*/, (text) => text.split(':')[0] ?? '')),
    [
      '1 failed exec: No such file or directory',
      '1 failed chdir: Permission denied',
      '1 failed opening stdio: No such file or directory',
      '1 failed joining the cgroup: No such file or directory',
      '1 failed reading the environment: Invalid argument',
      '1 failed pam_acct_mgmt',
      '1 failed pam_start',
      ' 4 close_session alice@physics',
      ' 4 open_session alice@physics',
    ],
  );
});

test('stdio is connected as the user: a socket that is only root\u2019s is out of reach, whoever put it there', () => {
  const output = isolated(`
    ${pam}
    set +e
    mkdir -m 755 $dir/io
    for name in stdin stdout stderr; do
      socat -u UNIX-LISTEN:$dir/io/$name,mode=666,fork OPEN:$dir/io.$name,creat,append & echo $! >>$dir/listeners
    done
    await "[ -S $dir/io/stdin -a -S $dir/io/stdout -a -S $dir/io/stderr ]"
    $launch ${run} --directory / --stdio $dir/io -- /bin/echo said 3</dev/null 4>$dir/report
    echo "$? $(sed 's/ [0-9]*$//' $dir/report)"
    await "[ -s $dir/io.stdout ]"
    cat $dir/io.stdout
    chmod 600 $dir/io/stdin
    $launch ${run} --directory / --stdio $dir/io -- /bin/echo said 3</dev/null 4>$dir/report
    echo "$? $(cat $dir/report)"
    kill $(cat $dir/listeners)
  `);
  assert.equal(output, '0 started\nsaid\n1 failed opening stdio: Permission denied\n');
});

test('SIGTERM to the launcher and the end of the runtime end the program', () => {
  const output = isolated(`
    ${pam}
    set +e
    $launch ${run} --directory / --runtime-seconds 1 -- /bin/sleep 300 3</dev/null 4>$dir/report
    echo "runtime $?"
    $launch ${run} --directory / -- /bin/sleep 300 3</dev/null 4>$dir/report2 & launcher=$!
    await "[ -s $dir/report2 ]"
    kill -TERM $launcher
    wait $launcher
    echo "terminated $?"
    ps -o pid= -u ${uid} | wc -l
  `);
  assert.equal(output, 'runtime 143\nterminated 143\n0\n');
});
