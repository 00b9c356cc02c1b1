#!/usr/bin/env bash
# new.sh: begins a connector: copies the files of c/ or manifest/, beside this script, into the source tree, by its name.
#
# usage: test/template/new.sh c|manifest NAME

set -euo pipefail
kind=${1:-} name=${2:-}
top=$(cd "$(dirname "$0")/../.." && pwd)
template=$top/test/template/$kind

die()
{
	echo "new-connector: $*" >&2
	exit 1
}

[ "$kind" = c ] || [ "$kind" = manifest ] || die "KIND is c or manifest"
[[ $name =~ ^[a-z][a-z0-9_]{0,50}$ ]] || die "NAME is made of a-z, 0-9 and _, and begins with a letter"
[ ! -e "$top/src/connector/$name" ] && [ ! -e "$top/manifest/$name.json" ] && [ ! -e "$top/docs/connector/$name.md" ] ||
	die "there is a connector $name"
# my_source is MySource where a type is named
camel=$(sed -E 's/(^|_)([a-z0-9])/\u\2/g' <<<"$name")

cd "$template"
find . -type f | sort | while read -r file; do
	to=$top/${file//skeleton/$name}
	mkdir -p "$(dirname "$to")"
	sed "s/skeleton/$name/g; s/Skeleton/$camel/g" "$file" >"$to"
	echo "${to#"$top"/}"
done
suites=http
[ "$kind" = manifest ] || suites="sql contract"
echo "Now: make && test/run.sh $suites; and a line in docs/index.md and in CHANGELOG.md."
