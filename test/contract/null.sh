#!/usr/bin/env bash
# null.sh: the null connector as a source of the contract suite: every table is an option of how to make rows up.

case $1 in
	start | stop | mend) ;;
	options)
		case ${2:-} in
			numbers) echo "table rows 1000" ;;
			million) echo "table rows 1000000" ;;
			no_rows) echo "table rows 0" ;;
			slow) echo "table rows 1"; echo "table hang_at 0" ;;
			trickle) echo "table rows 50001"; echo "table hang_at 50001" ;;
			fails) echo "table rows 50001"; echo "table fail_at 50001" ;;
		esac ;;
	*) exit 1 ;;
esac
