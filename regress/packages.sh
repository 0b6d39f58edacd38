# What the tests of packages share: packages that are built once for all of them,
# and roots that hold nothing but what a package's scripts run.

root=$PWD/root
# Who builds does not say it.
unset SOURCE_DATE_EPOCH

# built KIND ARG...: $packages is a folder with what `make KIND ARG...` makes of
# this source.  What needs none of the build's own tests leaves them out.
built() {
    "$TREE/script/source" "$PWD/source.tar.gz" || atf_fail "no source"
    packages=$BUILD/packages/$1-$(sha256sum <source.tar.gz | cut -c 1-16)
    mkdir -p "$BUILD/packages"
    exec 9>"$BUILD/packages/lock"
    flock 9
    if [ ! -e "$packages" ]; then
        rm -rf "$BUILD/packages/$1"-*
        make_packages "$TREE" "$PWD/made" "$@"
        mv "made/$1" "$packages"
    fi
    exec 9>&-
}

# make_packages TREE BUILD KIND ARG...
make_packages() (
    tree=$1 build=$2 kind=$3
    shift 3
    unset BUILD SANITIZE MAKEFLAGS
    export DEB_BUILD_OPTIONS=nocheck
    make -s -C "$tree" BUILD="$build" "$kind" "$@" || atf_fail "no packages"
)

# The source in another folder, without git, as another user would have it.
other_tree() {
    mkdir -p other/folder
    tar -xf source.tar.gz -C other/folder || atf_fail "no source"
    echo "$PWD/other/folder/qvm-remote-$(cat "$TREE/version")"
}

# same_twice KIND FILE...: what `built` has is made again, elsewhere, by somebody
# else's habits, and each of FILEs has the same bytes.
same_twice() {
    kind=$1
    shift
    (umask 077 && TZ=Asia/Kathmandu LC_ALL=C.UTF-8 HOME="$PWD/nobody" \
        make_packages "$(other_tree)" "$PWD/again" "$kind") || atf_fail "again"
    (cd "$packages" && sha256sum "$@") >one || atf_fail "not all are there"
    (cd "again/$kind" && sha256sum "$@") >other.sums || atf_fail "not again"
    atf_check diff one other.sums
}

# program_into_root PROGRAM...: with the libraries that they load.
program_into_root() {
    for program; do
        file=$(command -v "$program") || atf_fail "no $program here"
        file_into_root "$file"
        libraries_into_root "$file"
    done
}

libraries_into_root() {
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do
        file_into_root "$library"
    done
}

file_into_root() {
    mkdir -p "$root$(dirname "$1")"
    cp -L "$1" "$root$1" || atf_fail "$1"
}

make_root() {
    mkdir -p "$root/etc" "$root/dev" "$root/proc" "$root/run" "$root/tmp"
    for dir in bin lib lib64 sbin; do
        mkdir -p "$root/usr/$dir"
        ln -s "usr/$dir" "$root/$dir"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    (umask 077 && echo 'root:*:1::::::' >"$root/etc/shadow")
}

# is MODE OWNER PATH: as the root's own users have it.
is() {
    uid=$(awk -F: -v n="$2" '$1 == n { print $3 ":" $4 }' "$root/etc/passwd")
    atf_check -o inline:"$1 $uid\n" stat -c '%a %u:%g' "$root$3"
}

# What is in the root, with modes, owners and bytes, but for what a package
# manager writes for itself.
listing() {
    (cd "$root" && find . \( -path ./var/lib/dpkg -o -path ./var/lib/pacman \) \
        -prune -o -printf '%p %M %u:%g %l\n' -type f -exec sha256sum {} + | sort)
}

# vm_home FOLDER: with a key, a request that nobody has fetched, and an answer.
vm_home() {
    home=$root/home/user
    rm -rf "$home"
    mkdir -p "$home/$1/queue/pending" "$home/$1/queue/results" \
        "$home/$1/history/2025-01-02"
    (umask 077 && other_key >"$home/$1/auth.key")
    echo 'qvm-ls' >"$home/$1/queue/pending/20250102-030405-6-0123abcd"
    echo answer >"$home/$1/queue/results/20250102-030405-7-0123abcd.out"
    echo mine >"$home/notes"
    (cd "$home/$1" && find . -type f -exec sha256sum {} +) >home.sums
}

# upgraded FOLDER: what was in it is as it was, in the folder of now.
upgraded() {
    HOME=$home "$root/usr/bin/qvm-remote" key show >shown || atf_fail "key show"
    atf_check_equal "$(cat "$home/.qvm-remote/auth.key")" "$(cat shown)"
    (cd "$home/.qvm-remote" && sha256sum --quiet -c) <home.sums ||
        atf_fail "changed"
    [ "$1" = .qvm-remote ] || atf_check test ! -e "$home/$1"
}

# What was taken away left it so; and then it goes.
home_is_kept() {
    atf_check -o inline:'mine\n' cat "$home/notes"
    (cd "$home/.qvm-remote" && sha256sum --quiet -c) <home.sums ||
        atf_fail "removed"
    rm -rf "$home"
}
