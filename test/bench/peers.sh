# peers.sh: programs that do what a sync does, from package registries, once, into a cache; functions, to be sourced.

CK_PEERS=${XDG_CACHE_HOME:-$HOME/.cache}/connkit/peers
CK_DLT=1.31.0
CK_SLING=1.4.11

# A Python environment in the cache: its name, then packages. Or why there is none, in CK_PEER_MISSING.
fetch_python()
{
	local folder=$CK_PEERS/$1 log=$CK_PEERS/$1.log

	shift
	command -v python3 >/dev/null || { CK_PEER_MISSING="no python3"; return 1; }
	[ ! -e "$folder/done" ] || return 0
	rm -rf "$folder"
	mkdir -p "$CK_PEERS" && python3 -m venv "$folder" >"$log" 2>&1 &&
		timeout 600 "$folder/bin/pip" -q install "$@" >>"$log" 2>&1 && touch "$folder/done" && return 0
	CK_PEER_MISSING="it could not be installed, see $log"
	return 1
}

# dlt with its fastest reader and writer: CK_DLT_PYTHON runs test/bench/dlt_copy.py.
fetch_dlt()
{
	CK_DLT_PYTHON=$CK_PEERS/dlt-$CK_DLT/bin/python
	fetch_python "dlt-$CK_DLT" "dlt[postgres,sql-database,parquet]==$CK_DLT" connectorx==0.4.6 \
		adbc-driver-postgresql==1.13.0 pymysql
}

# Sling: the program CK_SLING_BIN. The last version whose package holds the program itself.
fetch_sling()
{
	fetch_python "sling-$CK_SLING" "sling-linux-amd64==$CK_SLING" || return 1
	CK_SLING_BIN=$(find "$CK_PEERS/sling-$CK_SLING" -name sling-linux-amd64 -type f | head -n 1)
	"$CK_SLING_BIN" --version >/dev/null 2>&1 || { CK_PEER_MISSING="its program does not run here"; return 1; }
}
