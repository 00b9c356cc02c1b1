#!/usr/bin/env bash
# setup.sh: installs the Debian packages that a purpose needs and that are missing; quick where all are there.
#
# usage: test/setup.sh [build] [test] [bench] [valgrind] [versions]      (default: build test)

set -euo pipefail

build="gcc make pkg-config postgresql-15 postgresql-server-dev-15 libpq-dev libsqlite3-dev libmariadb-dev
	libmariadb-dev-compat libsodium-dev libcurl4-openssl-dev libjansson-dev libyajl-dev libcsv-dev zlib1g-dev libicu-dev
	libssl-dev libexpat1-dev"
servers="mariadb-server sqlite3 openssl perl"
packages=

for purpose in "${@:-build test}"; do
	for word in $purpose; do
		case $word in
			build) packages+=" $build" ;;
			demo) packages+=" $build $servers curl prometheus" ;;
			test) packages+=" $build $servers g++ curl pgtap postgresql-15-pgtap postgresql-15-cron
				libtap-parser-sourcehandler-pgtap-perl libipc-run-perl python3 python3-jsonschema python3-venv
				prometheus nginx-light nghttp2-server" ;;
			bench) packages+=" $build $servers curl nginx-light postgresql-15-mysql-fdw pgloader python3-venv" ;;
			valgrind) packages+=" valgrind libc6-dbg" ;;
			versions) packages+=" debootstrap maven python3-pip" ;;
			*) echo "setup.sh: unknown purpose \"$word\"" >&2; exit 2 ;;
		esac
	done
done

if ! command -v apt-get >/dev/null; then
	echo "setup.sh: this is no Debian; make sure that the like of these packages is there:" $packages >&2
	exit 0
fi

missing=()
for package in $(printf '%s\n' $packages | sort -u); do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "setup.sh: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
	as_root=(sudo)
fi

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)

echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${apt[@]}" update >"$log" 2>&1 || true
if ! "${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	echo "setup.sh: could not install: ${missing[*]}" >&2
	exit 1
fi
