/** What programs do on a volume that is reached by calls by paths, for sh in an empty directory of it, as root. For tests. */
export const pathMountScript = `set -eu
die() { echo "$1" >&2; exit 1; }
same() { [ "$1" = "$2" ] || die "$3: '$1' instead of '$2'"; }
refused() { what=$1; shift; ! said=$("$@" 2>&1) || die "it was done: $*"; case $said in *"$what"*) ;; *) die "$*: $said";; esac; }

# Content: several stripes, within and beyond the end, cut and made longer.
head -c 3500001 /dev/urandom >large.tmp && cp large.tmp large && cmp large.tmp large
dd if=/dev/zero of=large bs=1 seek=1048570 count=12 conv=notrunc 2>/dev/null
dd if=/dev/zero of=large.tmp bs=12 count=1 oflag=seek_bytes seek=1048570 conv=notrunc 2>/dev/null
cmp large large.tmp
truncate -s 1000001 large && same "$(stat -c %s large)" 1000001 'cut'
truncate -s 1300000 large && same "$(tail -c 299999 large | tr -d '\\0' | wc -c)" 0 'what is beyond the old end'
head -c 1000001 large.tmp | cmp -n 1000001 - large
echo one >>large && same "$(stat -c %s large)" 1300004 'appended'
echo anew >large && same "$(cat large)" anew 'written anew'
perl -e 'open F, "+<", "large" or die; truncate F, 2 or die; sysseek F, 0, 2; syswrite F, "x" or die'
same "$(cat large)" anx 'cut while open'
rm large.tmp

# Names.
mkdir d && mkdir d/e && echo hello >d/f && ln d/f d/g && ln -s f d/s
same "$(cat d/s)" hello 'by the link'; same "$(readlink d/s)" f 'the link'; same "$(stat -c %h d/g)" 2 'names'
same "$(stat -c %i d/f)" "$(stat -c %i d/g)" 'one file'
mv d/f d/e/moved && same "$(cat d/g d/e/moved)" "$(printf 'hello\\nhello')" 'moved'
mv d renamed && same "$(cat renamed/e/moved)" hello 'below what was renamed'
echo other >other && mv other renamed/g && same "$(cat renamed/g)" other 'replaced'
same "$(stat -c %h renamed/e/moved)" 1 'names that are left'
refused 'File exists' mkdir renamed; refused 'not empty' rmdir renamed; refused 'No such file' cat none
refused 'Not a directory' cat large/x; refused 'not permitted' mkfifo pipe
rm -r renamed && [ ! -e renamed ]
mkdir many && (cd many && for n in $(seq 1000); do : >"name $n"; done)
same "$(ls many | wc -l)" 1000 'listed'; rm -r many

# Attributes.
umask 027; : >a; same "$(stat -c %a a)" 640 'umask'; umask 022
chmod 4751 a && same "$(stat -c %a a)" 4751 'mode'
chown 1234:5678 a && same "$(stat -c %u:%g a)" 1234:5678 'owner'
touch -d @1000000000 a && same "$(stat -c %X:%Y a)" 1000000000:1000000000 'times'
setfattr -n user.color -v green a && same "$(getfattr --only-values -n user.color a)" green 'attribute'
same "$(getfattr -d a 2>/dev/null | grep -c color)" 1 'attributes'
setfattr -x user.color a && refused 'No such attribute' getfattr -n user.color a
refused 'not supported' setfattr -n system.posix_acl_access -v 0x02000000 a
[ "$(stat -f -c %b .)" -gt 0 ]

# Removed, or replaced, while it is open.
exec 3<>open && echo kept >&3 && rm open && [ ! -e open ]
echo more >&3 && same "$(cat /proc/self/fd/3)" "$(printf 'kept\\nmore')" 'removed while open'
same "$(stat -L -c %h /proc/self/fd/3)" 0 'names of what was removed'
echo old >target && exec 4<target && echo new >source && mv source target
same "$(cat <&4)" old 'replaced while open'; same "$(cat target)" new 'what replaced it'
exec 3>&- 4<&-
# The kernel has a file closed after close(2) returned.
tries=0; while [ -n "$(ls -A | grep hidden)" ]; do tries=$((tries + 1)); [ $tries -lt 100 ] || die 'it stays after it was closed'; sleep 0.1; done

# What the interface has no word for.
refused unsupported fallocate -n -l 100000 a
perl -e 'my $n = \`uname -m\` =~ /aarch64/ ? 276 : 316; my ($one, $other) = ("a", "target"); syscall($n, -100, $one, -100, $other, 2) == -1 && $!{EINVAL} or die "exchanged: $!"'
perl -MFcntl -e '!sysopen(F, ".", 020000000 | O_DIRECTORY | O_RDWR, 0600) && $!{EOPNOTSUPP} or die "a file without a name: $!"'
`;
