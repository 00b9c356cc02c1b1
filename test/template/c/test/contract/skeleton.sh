#!/usr/bin/env bash
# skeleton.sh: the connector skeleton as a source of the contract suite.

case $1 in
	start | stop | mend) ;;
	options)
		case ${2:-} in
			million) echo "table rows 1000000" ;;
			no_rows) echo "table rows 0" ;;
		esac ;;
	*) exit 1 ;;
esac
