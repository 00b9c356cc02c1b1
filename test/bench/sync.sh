#!/usr/bin/env bash
# sync.sh: how fast connkit_sync() loads, against programs that do the same, in turn in one run.
#
# A, B  every row of a table of 8 columns replaces what a keyed logged table with a check constraint held, from
#       PostgreSQL and from MariaDB. Wall time of the client program, start to end.
# C     an incremental run of a table of which 1,000 rows have changed: rows it reads, and milliseconds.
# D     an incremental append of new rows against a merge of as many changed ones, a fifth of BENCH_ROWS: spread over
#       the whole table, right after a checkpoint, when each page is logged whole, and later, and the newest. Both targets
#       have the same key. Beside it, an UPDATE of as many rows.
# E     the greatest private memory of the backend, for three sizes of a load in each way of writing; it holds what is
#       sorted and hashed within work_mem and maintenance_work_mem, which is 16 MB for that.
#
# After the last round every target is compared with the source, column by column. A wrong row or a failed run ends in
# a failure, a missed goal does not. Figures are medians over the rounds; dlt and Sling have one. dlt makes no key.
#
# BENCH_ROWS (5000000), BENCH_ROUNDS (3) make it smaller, BENCH_PARTS (A B C D E) chooses. The tables fit into shared_buffers,
# as they do where the setting suits the machine; BENCH_BUFFERS (2GB) sets it. A checkpoint goes before each increment.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
. "$(dirname "$0")/peers.sh"
: "${BENCH_ROWS:=5000000}" "${BENCH_ROUNDS:=3}" "${BENCH_PARTS:=A B C D E}" "${BENCH_BUFFERS:=2GB}"

TARGET_COLUMNS="id bigint NOT NULL PRIMARY KEY, n integer NOT NULL, price numeric(12,2) NOT NULL CHECK (price >= 0),
	ratio double precision NOT NULL, name varchar(40) NOT NULL, note text NOT NULL, made timestamp NOT NULL,
	live boolean NOT NULL"
server="jit=off fsync=on shared_buffers=$BENCH_BUFFERS min_wal_size=4GB max_wal_size=32GB checkpoint_timeout=1h autovacuum=off"
wrong=0

part()
{
	[[ " $BENCH_PARTS " == *" $1 "* ]]
}

setup()
{
	echo "making $BENCH_ROWS rows"
	item_make "$BENCH_ROWS" || return 1
	ck_psql connkit <<-END || return 1
		SET client_min_messages = warning;
		CREATE EXTENSION connkit CASCADE;
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER peer FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable',
				fetch_size '10000');
		CREATE USER MAPPING FOR public SERVER peer OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
		CREATE FOREIGN TABLE item_fdw ($ITEM_COLUMNS) SERVER peer OPTIONS (schema_name 'public', table_name 'item');
		CREATE SERVER kit_pg FOREIGN DATA WRAPPER connkit_postgres
			OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
		CREATE USER MAPPING FOR public SERVER kit_pg OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
		CREATE TABLE postgres_psql ($TARGET_COLUMNS);
		CREATE TABLE postgres_postgres_fdw ($TARGET_COLUMNS);
		CREATE TABLE postgres_connkit ($TARGET_COLUMNS);
		CREATE TABLE memory ($TARGET_COLUMNS);
		CREATE SCHEMA postgres_dlt AUTHORIZATION ck_writer;
		CREATE SCHEMA postgres_sling AUTHORIZATION ck_writer;
	END
	if part B; then
		setup_mariadb || return 1
	fi
	rm "$CK_TMP/item.tsv"
}

setup_mariadb()
{
	item_make_mysql && ck_psql connkit <<-END || return 1
		CREATE SERVER kit_my FOREIGN DATA WRAPPER connkit_mysql
			OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT', dbname 'source', sslmode 'disable');
		CREATE USER MAPPING FOR public SERVER kit_my OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
		CREATE TABLE mariadb_connkit ($TARGET_COLUMNS);
		CREATE SCHEMA mariadb_dlt AUTHORIZATION ck_writer;
		CREATE SCHEMA mariadb_sling AUTHORIZATION ck_writer;
	END
	if ck_psql connkit >/dev/null 2>&1 <<-END; then
		CREATE EXTENSION mysql_fdw;
		CREATE SERVER peer_my FOREIGN DATA WRAPPER mysql_fdw OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT');
		CREATE USER MAPPING FOR public SERVER peer_my OPTIONS (username 'ck_reader', password '$CK_PASSWORD');
		CREATE FOREIGN TABLE item_mysql_fdw ($ITEM_COLUMNS) SERVER peer_my OPTIONS (dbname 'source', table_name 'item');
		CREATE TABLE mariadb_mysql_fdw ($TARGET_COLUMNS);
	END
		have_mysql_fdw=1
	fi
}

# Who takes part in A and in B; what is not there is left out, with a line that says why.
contenders()
{
	local peer slow=

	for peer in dlt sling; do
		if "fetch_$peer"; then
			slow+=" $peer"
		else
			echo "$peer is left out: $CK_PEER_MISSING"
		fi
	done
	contenders_postgres="psql postgres_fdw connkit$slow"
	contenders_mariadb=
	if command -v pgloader >/dev/null; then
		contenders_mariadb+="pgloader "
	else
		echo "pgloader is left out: it is not there"
	fi
	if [ -n "${have_mysql_fdw:-}" ]; then
		contenders_mariadb+="mysql_fdw "
	else
		echo "mysql_fdw is left out: it is not there"
	fi
	contenders_mariadb+="connkit$slow"
}

# Runs a sync; its figures are left in CK_TMP/run: outcome, rows read, inserted, updated, deleted, bytes, milliseconds.
sync_run()
{
	ck_psql connkit -At -F ' ' -c "SELECT outcome, rows_read, inserted, updated, deleted, bytes, milliseconds, message
		FROM connkit_sync('$1')" >"$CK_TMP/run" 2>"$CK_TMP/run.log" && grep -q '^succeeded ' "$CK_TMP/run" && return 0
	cat "$CK_TMP/run" "$CK_TMP/run.log" >&2
	return 1
}

load_postgres_connkit()
{
	sync_run postgres_connkit
}

load_mariadb_connkit()
{
	sync_run mariadb_connkit
}

load_postgres_psql()
{
	PGPASSWORD=$CK_PASSWORD PGSSLMODE=disable "$CK_BIN/psql" -X -q -h localhost -p "$CK_SOURCE_PGPORT" -U ck_reader \
		-d source -c "COPY (SELECT * FROM item) TO STDOUT (FORMAT binary)" |
		ck_psql connkit -1 -c "TRUNCATE postgres_psql" -c "COPY postgres_psql FROM STDIN (FORMAT binary)"
}

load_postgres_postgres_fdw()
{
	ck_psql connkit -1 -c "TRUNCATE postgres_postgres_fdw" -c "INSERT INTO postgres_postgres_fdw SELECT * FROM item_fdw"
}

load_mariadb_mysql_fdw()
{
	ck_psql connkit -1 -c "TRUNCATE mariadb_mysql_fdw" -c "INSERT INTO mariadb_mysql_fdw SELECT * FROM item_mysql_fdw"
}

load_mariadb_pgloader()
{
	cat >"$CK_TMP/item.load" <<-END
		LOAD DATABASE FROM mysql://ck_reader:$CK_PASSWORD@127.0.0.1:$CK_MYSQL_PORT/source
			INTO postgresql://postgres@unix:$CK_PGHOST:$CK_PGPORT/connkit
			WITH include drop, create tables, create indexes, no foreign keys
			CAST type datetime to timestamp, type int to integer drop typemod
			INCLUDING ONLY TABLE NAMES MATCHING 'item'
			ALTER SCHEMA 'source' RENAME TO 'mariadb_pgloader';
	END
	HOME=$CK_TMP pgloader --quiet --root-dir "$CK_TMP/pgloader" "$CK_TMP/item.load"
}

load_postgres_dlt()
{
	dlt_copy "postgresql+psycopg2://ck_reader:$CK_PASSWORD@localhost:$CK_SOURCE_PGPORT/source?sslmode=disable" public \
		postgres_dlt
}

load_mariadb_dlt()
{
	dlt_copy "mysql+pymysql://ck_reader:$CK_PASSWORD@127.0.0.1:$CK_MYSQL_PORT/source" source mariadb_dlt
}

dlt_copy()
{
	HOME=$CK_TMP RUNTIME__DLTHUB_TELEMETRY=false "$CK_DLT_PYTHON" "$CK_TOP/test/bench/dlt_copy.py" "$1" "$2" \
		"postgresql://ck_writer:$CK_PASSWORD@localhost:$CK_PGPORT/connkit?sslmode=disable" "$3" "$CK_TMP/dlt"
}

load_postgres_sling()
{
	sling_copy "postgresql://ck_reader:$CK_PASSWORD@localhost:$CK_SOURCE_PGPORT/source?sslmode=disable" public.item \
		postgres_sling
}

load_mariadb_sling()
{
	sling_copy "mysql://ck_reader:$CK_PASSWORD@127.0.0.1:$CK_MYSQL_PORT/source" source.item mariadb_sling
}

sling_copy()
{
	HOME=$CK_TMP SLING_HOME_DIR=$CK_TMP/sling SLING_DISABLE_TELEMETRY=true SOURCE=$1 \
		TARGET="postgresql://ck_writer:$CK_PASSWORD@localhost:$CK_PGPORT/connkit?sslmode=disable" \
		"$CK_SLING_BIN" run --src-conn SOURCE --src-stream "$2" --tgt-conn TARGET --tgt-object "$3.item" \
		--mode full-refresh --primary-key id --tgt-options '{"table_keys": {"primary": ["id"]}}'
}

# The table that a contender loads: postgres or mariadb, its name.
loaded()
{
	case $2 in
		pgloader|dlt|sling) echo "$1_$2.item" ;;
		*) echo "$1_$2" ;;
	esac
}

# Number of rows, then a sum of hashes of each column: psql's function, the database, then the table, or a query in
# parentheses.
sums()
{
	local hash="sum(hashtextextended(%s, 0))" columns

	printf -v columns ", $hash" id::text n::text "price::numeric(12,2)::text" ratio::float8::text name::text \
		note::text made::timestamp::text live::int::boolean::text
	"$1" "$2" -At -F ' ' -c "SELECT count(*)$columns FROM $3 AS loaded"
}

# Says where the sums of a table are not those that it should have.
compare()
{
	local found expected i names=(rows id n price ratio name note made live) differ=

	read -ra expected <<<"$2"
	read -ra found <<<"$(sums ck_psql connkit "$1")"
	for i in "${!names[@]}"; do
		[ "${found[$i]:-}" = "${expected[$i]}" ] || differ+=" ${names[$i]}"
	done
	[ -z "$differ" ] || { wrong=1; echo "WRONG: $1 differs from the source in:$differ"; }
}

# A or B: postgres or mariadb, then the contenders. Their milliseconds go to files CK_TMP/ms/postgres_connkit and so on;
# one that fails takes no further part.
replace_rounds()
{
	local from=$1 round contender begin failed=" "

	shift
	for round in $(seq "$BENCH_ROUNDS"); do
		for contender in "$@"; do
			[[ $failed != *" $contender "* ]] || continue
			[[ $round = 1 || ! $contender =~ ^(dlt|sling)$ ]] || continue
			ck_psql connkit -c CHECKPOINT
			begin=$(date +%s%N)
			if "load_${from}_$contender" >"$CK_TMP/load.log" 2>&1; then
				echo $((($(date +%s%N) - begin) / 1000000)) >>"$CK_TMP/ms/${from}_$contender"
				echo "$from, round $round of $BENCH_ROUNDS: $contender $(tail -n 1 "$CK_TMP/ms/${from}_$contender") ms"
			else
				tail -n 5 "$CK_TMP/load.log"
				[ "$contender" != connkit ] || return 1
				echo "$contender failed: left out"
				failed+="$contender "
				rm -f "$CK_TMP/ms/${from}_$contender"
			fi
		done
	done
	for contender in "$@"; do
		[[ $failed == *" $contender "* ]] || compare "$(loaded "$from" "$contender")" "$source_sums"
	done
}

# The table of A or B: what stands above it, postgres or mariadb, then the contenders.
replace_table()
{
	local from=$2 contender ours ms

	printf '\n%-28s %10s %12s %20s\n' "$1" ms rows/s "of connkit's time"
	shift 2
	ours=$(median "$CK_TMP/ms/${from}_connkit")
	for contender in "$@"; do
		[ -e "$CK_TMP/ms/${from}_$contender" ] || continue
		ms=$(median "$CK_TMP/ms/${from}_$contender")
		awk -v name="$contender" -v ms="$ms" -v ours="$ours" -v rows="$BENCH_ROWS" 'BEGIN {
			printf "%-28s %10d %12.0f %20.2f\n", name, ms, rows * 1000 / ms, ms / ours}'
	done
}

# The median of the first, divided by that of the second.
ratio()
{
	awk -v a="$(median "$CK_TMP/ms/$1")" -v b="$(median "$CK_TMP/ms/$2")" 'BEGIN {print b ? a / b : 0}'
}

# A goal: what it is, the figure, the least that it should be.
goal()
{
	awk -v name="$1" -v found="$2" -v least="$3" 'BEGIN {
		printf "goal: %s, at least %s: %.2f, %s\n", name, least, found, found >= least ? "met" : "MISSED"}'
}

# A goal of A or B: postgres or mariadb, a contender, how many times as fast connkit should be.
faster()
{
	[ ! -e "$CK_TMP/ms/$1_$2" ] || goal "times as fast as $2" "$(ratio "$1_$2" "$1_connkit")" "$3"
}

part_a()
{
	source_sums=$(sums ck_source_psql source item)
	ck_psql connkit -At -c "SELECT connkit_create_sync('kit_pg', 'public.item', target => 'postgres_connkit',
		mode => 'full_refresh', write => 'replace', name => 'postgres_connkit')" >/dev/null &&
		replace_rounds postgres $contenders_postgres
}

part_b()
{
	source_sums=${source_sums:-$(sums ck_source_psql source item)}
	ck_psql connkit -At -c "SELECT connkit_create_sync('kit_my', 'item', target => 'mariadb_connkit',
		mode => 'full_refresh', write => 'replace', name => 'mariadb_connkit', settings =>
		'{\"columns\": [\"id\", \"n\", \"price\", \"ratio\", \"name\", \"note\", \"made\"],
		\"mapping\": {\"live\": \"live <> 0\"}}')" >/dev/null &&
		replace_rounds mariadb $contenders_mariadb
}

# What C and D, and the append of E, need: a second table at the source, indexes on the cursor column, first runs.
increments_begin()
{
	ck_source_psql source <<-END &&
		CREATE TABLE event (LIKE item INCLUDING ALL);
		INSERT INTO event SELECT * FROM item;
		CREATE INDEX ON item (made);
		CREATE INDEX ON event (made);
		VACUUM ANALYZE item, event;
	END
		event_rows=$BENCH_ROWS
}

# Makes a sync and has it run; the key of a target that is merged into is the sync's, one that is appended to gets it here.
increment_first()
{
	ck_psql connkit -At -c "SELECT connkit_create_sync('kit_pg', 'public.$1', target => '$2', mode => 'incremental',
		write => '$3', cursor_column => 'made', name => '$2')" >/dev/null && sync_run "$2" || return 1
	[ "$3" = merge ] || ck_psql connkit -c "ALTER TABLE $2 ADD PRIMARY KEY (id)" || return 1
	ck_psql connkit -c "VACUUM ANALYZE $2"
}

# Runs a sync and keeps its milliseconds by the name; right after a checkpoint, unless the name is again.
increment()
{
	[ "$2" = again ] || ck_psql connkit -c CHECKPOINT
	sync_run "$1" || return 1
	cut -d' ' -f 7 "$CK_TMP/run" >>"$CK_TMP/ms/$2"
	cut -d' ' -f 2 "$CK_TMP/run" >>"$CK_TMP/ms/${2}_read"
}

# The rows of item that meet the condition get a greater cursor value than there was.
change()
{
	cursor_day=$((${cursor_day:-0} + 1))
	ck_source_psql source <<-END
		UPDATE item SET n = n + 1,
			made = timestamp '2040-01-01' + interval '1 day' * $cursor_day + interval '1 microsecond' * id
			WHERE $1;
		VACUUM item;
	END
}

part_c()
{
	local round

	for round in $(seq "$BENCH_ROUNDS"); do
		change "id % ($BENCH_ROWS / $few) = $round" && increment merged few || return 1
	done
}

# What PostgreSQL itself takes for a merge: an UPDATE from a local table that holds the changed rows already.
update_here()
{
	ck_psql connkit <<-END || return 1
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS changes;
		CREATE TABLE changes AS SELECT * FROM item_fdw WHERE made > (SELECT max(made) FROM merged);
		ANALYZE changes;
		CHECKPOINT;
	END
	ck_psql connkit -c '\timing on' -c "UPDATE merged AS m SET n = c.n, price = c.price, ratio = c.ratio, name = c.name,
		note = c.note, made = c.made, live = c.live FROM changes AS c WHERE c.id = m.id" >"$CK_TMP/update" || return 1
	sed -n 's/^Time: \([0-9]*\).*/\1/p' "$CK_TMP/update" >>"$CK_TMP/ms/update"
	sync_run merged && ck_psql connkit -c "VACUUM merged"
}

part_d()
{
	local round

	increment_first event added append || return 1
	for round in $(seq "$BENCH_ROUNDS"); do
		ck_source_psql source <<-END || return 1
			INSERT INTO event $(item_rows $((event_rows + 1)) $((event_rows + many)));
			VACUUM event;
		END
		event_rows=$((event_rows + many))
		increment added append &&
			change "id % ($BENCH_ROWS / $many) = $round % ($BENCH_ROWS / $many)" && increment merged spread &&
			ck_psql connkit -c "VACUUM merged" &&
			change "id % ($BENCH_ROWS / $many) = ($round + 2) % ($BENCH_ROWS / $many)" && increment merged again &&
			ck_psql connkit -c "VACUUM merged" &&
			change "id > $BENCH_ROWS - $many" && increment merged newest &&
			ck_psql connkit -c "VACUUM merged" &&
			change "id % ($BENCH_ROWS / $many) = ($round + 1) % ($BENCH_ROWS / $many)" && update_here || return 1
		echo "increments, round $round of $BENCH_ROUNDS: append $(tail -n 1 "$CK_TMP/ms/append") ms," \
			"merge $(tail -n 1 "$CK_TMP/ms/spread") ms, again $(tail -n 1 "$CK_TMP/ms/again") ms," \
			"of the newest $(tail -n 1 "$CK_TMP/ms/newest") ms," \
			"UPDATE from a local table $(tail -n 1 "$CK_TMP/ms/update") ms"
	done
	compare added "$(sums ck_source_psql source event)"
}

# Runs a sync, and leaves in peak_kb the greatest private memory of its backend, looked at every 20 ms.
sync_peak()
{
	local client process= kb

	peak_kb=0
	PGAPPNAME=ck_peak PGOPTIONS="-c maintenance_work_mem=16MB" sync_run "$1" &
	client=$!
	while [ -z "$process" ] && ck_alive $client; do
		process=$(ck_psql connkit -At -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'ck_peak'")
	done
	while ck_alive "${process:-none}"; do
		kb=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$process/status" 2>/dev/null)
		[ "${kb:-0}" -le "$peak_kb" ] || peak_kb=$kb
		sleep 0.02
	done
	wait $client
}

# One line of E: a way of writing, rows, arguments of its sync, then the rows that it should insert and update.
memory_line()
{
	local name=memory_$1_$2 found

	ck_psql connkit -At -c "SELECT connkit_create_sync('kit_pg', target => 'memory', name => '$name', $3)" >/dev/null &&
		sync_peak "$name" || return 1
	found=$(cut -d' ' -f 3,4 "$CK_TMP/run")
	[ "$found" = "$4 $5" ] || { wrong=1; echo "WRONG: $name inserted and updated $found, not $4 $5"; }
	printf '%-28s %12d %12d\n' "$1" "$2" "$peak_kb"
	echo "$peak_kb" >"$CK_TMP/ms/$name"
	ck_psql connkit -At -c "SELECT connkit_drop_sync('$name')" -c CHECKPOINT >/dev/null
}

part_e()
{
	local name rows query columns="id, n + 1 AS n, price, ratio, name, note, made, live"

	[ "$event_rows" -ge $((BENCH_ROWS * 2)) ] || ck_source_psql source -c "INSERT INTO event
		$(item_rows $((event_rows + 1)) $((BENCH_ROWS * 2)))" -c "VACUUM ANALYZE event" || return 1
	printf '\n%-28s %12s %12s\n' "E: memory of a backend" rows "peak kB"
	for rows in $((BENCH_ROWS / 10)) $((BENCH_ROWS * 2 / 5)) $((BENCH_ROWS * 2)); do
		query="SELECT $columns FROM public.event WHERE id <= $rows"
		memory_line replace "$rows" "table_name => 'public.event', mode => 'full_refresh', write => 'replace',
			settings => '{\"filter\": \"id <= $rows\"}'" "$rows" 0 &&
			ck_psql connkit -c "TRUNCATE memory" &&
			memory_line append "$rows" "table_name => 'public.event', mode => 'full_refresh', write => 'append',
				settings => '{\"filter\": \"id <= $rows\"}'" "$rows" 0 &&
			ck_psql connkit -c "DELETE FROM memory WHERE id % 2 = 0" -c "VACUUM memory" &&
			memory_line merge "$rows" "query => '$query', query_columns => '${ITEM_COLUMNS/ NOT NULL/}',
				mode => 'merge', write => 'merge', key_columns => '{id}'" $((rows / 2)) $((rows / 2)) || return 1
	done
	compare memory "$(sums ck_source_psql source "($query)")"
	for name in replace append merge; do
		goal "memory of $name with the middle number of rows by that with the greatest" \
			"$(ratio "memory_${name}_$((BENCH_ROWS * 2 / 5))" "memory_${name}_$rows")" 0.9
	done
}

ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
ck_main_start $server && ck_source_start $server || ck_die "a server did not start"
if part B; then
	ck_mysql_source_start --innodb-buffer-pool-size=2G --local-infile=1 || ck_die "a server did not start"
fi
setup || ck_die "the tables could not be made"
mkdir "$CK_TMP/ms"
few=$((BENCH_ROWS / 5000)) many=$((BENCH_ROWS / 5))
if part A || part B; then
	contenders
fi
echo "$("$CK_BIN/postgres" --version), $server; $(nproc) cores; $BENCH_ROWS rows, $BENCH_ROUNDS rounds"

if part A; then
	part_a || ck_die "A did not work"
fi
if part B; then
	part_b || ck_die "B did not work"
fi
if part C || part D || part E; then
	increments_begin || ck_die "the second table could not be made"
fi
if part C || part D; then
	increment_first item merged merge || ck_die "the first run did not work"
	echo "first run of an incremental merge: $(cut -d' ' -f 7 "$CK_TMP/run") ms"
	part_c || ck_die "C did not work"
fi
if part D; then
	part_d || ck_die "D did not work"
fi
if part C || part D; then
	compare merged "$(sums ck_source_psql source item)"
fi
if part E; then
	part_e || ck_die "E did not work"
fi

if part A; then
	replace_table "A: from PostgreSQL" postgres $contenders_postgres
	faster postgres psql 1.3
	faster postgres postgres_fdw 3
fi
if part B; then
	replace_table "B: from MariaDB" mariadb $contenders_mariadb
	faster mariadb pgloader 6
	faster mariadb mysql_fdw 4
fi
if part C; then
	printf '\nC: %d rows of %d changed: read %d in %d ms\n' $few "$BENCH_ROWS" "$(median "$CK_TMP/ms/few_read")" \
		"$(median "$CK_TMP/ms/few")"
	goal "rows changed by rows read" "$(awk -v a=$few -v b="$(median "$CK_TMP/ms/few_read")" 'BEGIN {print a / b}')" 0.9
fi
if part D; then
	printf '\nD: %d rows into %d: append %d ms, merge of changed ones %d ms, %s %d ms, where those are the newest %d ms\n' \
		$many "$BENCH_ROWS" "$(median "$CK_TMP/ms/append")" "$(median "$CK_TMP/ms/spread")" \
		"of others before the next checkpoint" "$(median "$CK_TMP/ms/again")" "$(median "$CK_TMP/ms/newest")"
	printf 'D: an UPDATE from a local table of the changed rows, which reads no source: %d ms, %.2f of the merge\n' \
		"$(median "$CK_TMP/ms/update")" "$(ratio update spread)"
	goal "speed of merge by append, rows spread over the table" "$(ratio append spread)" 0.5
	goal "the same before the next checkpoint" "$(ratio append again)" 0.5
	goal "speed of merge by append, rows the newest" "$(ratio append newest)" 0.5
fi
exit $wrong
