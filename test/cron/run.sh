#!/usr/bin/env bash
# run.sh: schedules against a calculation that goes minute by minute, in zones whose clocks change in every way there is.
#
# CK_CRON_SEED repeats a run, CK_CRON_FACTOR multiplies the number of schedules. Beside that, what croniter and cronsim say,
# where these can be had.

. "$(dirname "$0")/../lib.sh"

folder=$CK_TOP/test/cron
if ! python3 -c 'import zoneinfo' 2>/dev/null; then
	echo "ok 1 - schedules # SKIP no Python with zoneinfo"
	echo "1..1"
	exit 0
fi
ck_psql postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS cron' -c 'CREATE DATABASE cron' &&
	ck_psql cron -c 'CREATE EXTENSION pgcrypto' -c 'CREATE EXTENSION connkit' -f "$folder/ask.sql" || exit 1
timeout 40 python3 -m pip install -q --no-input --disable-pip-version-check --timeout 5 --retries 0 --no-warn-script-location \
	--target "$CK_TMP/cron-peers" croniter cronsim >/dev/null 2>&1 || rm -rf "$CK_TMP/cron-peers"
PYTHONPATH=$CK_TMP/cron-peers PYTHONDONTWRITEBYTECODE=1 exec python3 "$folder/cron.py"
