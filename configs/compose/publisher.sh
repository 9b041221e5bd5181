#!/bin/sh
# The publisher of compose.yaml: makes the cluster when there is none, hands the
# subscriber's node over once, serves.
set -eu
if [ ! -e /handover/sub1.node ] && [ ! -e /data/handed-over ]; then
    until [ -e "$TOKENLESS_DATA/cluster.json" ] || tokenless init; do
        echo "waiting for the database" >&2
        sleep 1
    done
    tokenless node grant cucm-1051-a-sub1 --role sub1
    tokenless node export cucm-1051-a-sub1 --output /handover/sub1.node
    touch /data/handed-over
fi
exec tokenless serve
