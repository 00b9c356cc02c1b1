#!/usr/bin/env bash
# run.sh: builds connkit and runs the suites on other versions of PostgreSQL and MySQL, each in a chroot of another
# Debian. Needs root. The chroots stay in CK_CACHE (default ~/.cache/connkit) and serve again.
#
# usage: test/versions/run.sh [SUITE-OF-DEBIAN...]      (default: bookworm trixie sid)

. "$(dirname "$0")/../lib.sh"

: "${CK_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/connkit}"
: "${CK_VERSIONS_SUITES:=header sql pgtap contract diff isolation t}"

[ "$(id -u)" = 0 ] || ck_die "needs root"
[ $# -gt 0 ] || set -- bookworm trixie sid

common="gcc g++ make pkg-config openssl perl sqlite3 libpq-dev libsqlite3-dev libsodium-dev libicu-dev
	libcurl4-openssl-dev libjansson-dev python3 libipc-run-perl libtap-parser-sourcehandler-pgtap-perl"
mariadb="mariadb-server libmariadb-dev libmariadb-dev-compat"
mysql="mysql-server-core mysql-client-core libmariadb-dev libmariadb-dev-compat"

# The packages that make a Debian one of the versions to test.
packages()
{
	case $1 in
		bookworm) echo $common $mariadb postgresql-15 postgresql-server-dev-15 postgresql-15-pgtap ;;
		trixie) echo $common $mariadb postgresql-17 postgresql-server-dev-17 postgresql-17-pgtap ;;
		sid) echo $common $mysql postgresql-18 postgresql-server-dev-18 postgresql-18-pgtap ;;
		*) ck_die "no packages known for \"$1\"" ;;
	esac
}

enter()
{
	mountpoint -q "$1/proc" || mount -t proc proc "$1/proc"
	mountpoint -q "$1/dev" || mount --bind /dev "$1/dev"
}

leave()
{
	umount "$1/proc" 2>/dev/null
	umount "$1/dev" 2>/dev/null
	return 0
}

# Makes the chroot of a Debian, or brings in what a changed list of packages needs.
prepare()
{
	local suite=$1 root=$CK_CACHE/$1 mirror list

	list=$(packages "$suite")
	[ "$(cat "$root/ready" 2>/dev/null)" != "$list" ] || return 0
	mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
	if [ ! -e "$root/etc/debian_version" ]; then
		mkdir -p "$root"
		debootstrap --variant=minbase "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" || return 1
	fi
	cp /etc/resolv.conf "$root/etc/"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	# The index of an unreleased Debian may be older than it says it may; its signature is checked all the same.
	[ "$suite" != sid ] || echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99valid"
	enter "$root"
	chroot "$root" apt-get -q update &&
		chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $list &&
		echo "$list" >"$root/ready"
}

# Compiles the mysql connector against MySQL's own headers, whose package cannot be installed beside the library that the
# connector is tested with.
mysql_headers()
{
	chroot "$1" sh -c 'rm -rf /mysql && mkdir /mysql && cd /mysql && apt-get -q download libmysqlclient-dev &&
		dpkg -x libmysqlclient-dev_*.deb . && cd /connkit && for file in src/connector/mysql/*.c; do
			gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter -Werror -fsyntax-only \
				-Isrc/include -Isrc/lib -I/mysql/usr/include -I/mysql/usr/include/mysql $file || exit 1
		done' >"$CK_CACHE/mysql-headers.log" 2>&1 </dev/null
}

failed=0
for suite in "$@"; do
	root=$CK_CACHE/$suite
	packages "$suite" >/dev/null
	trap 'leave "$root"' EXIT
	mkdir -p "$CK_CACHE"
	echo "preparing Debian $suite"
	if ! prepare "$suite" >"$CK_CACHE/$suite.log" 2>&1 </dev/null; then
		tail -n 20 "$CK_CACHE/$suite.log"
		echo "$suite: no chroot"
		failed=1
		continue
	fi
	enter "$root"
	rm -rf "$root/connkit"
	mkdir "$root/connkit"
	ck_copy_tree "$root/connkit"
	version=$(chroot "$root" sh -c 'pg_config --version; (mariadbd --version || mysqld --version) 2>/dev/null')
	echo $version
	if [ "$suite" = sid ]; then
		if mysql_headers "$root"; then
			echo "the mysql connector compiles against MySQL's own headers"
		else
			tail -n 20 "$CK_CACHE/mysql-headers.log"
			failed=1
		fi
	fi
	suites=
	for name in $CK_VERSIONS_SUITES; do
		[ ! -e "$CK_TOP/test/$name/run.sh" ] || suites+=" $name"
	done
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root VERBOSE="${VERBOSE:-}" \
		/connkit/test/run.sh $suites </dev/null || failed=1
	leave "$root"
done
exit $failed
