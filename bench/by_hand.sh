#!/bin/sh
# What a careful person writes who does it by hand: key, sources, packages, files, users, services.
# Usage: by_hand.sh FOLDER MONITOR WORKER...
# FOLDER has of each host HOST.tar, its files, HOST.groups, lines "group path", and HOST.keys, what fetches
# the keys of its repositories; also users.influxql and ssh, a program that is given host and command.
set -eu
folder=$1 monitor=$2
shift
mkdir -p "$folder/log"

# What every host needs before anything else; the rest of the arguments are packages.
install() {
    host=$1 keys=$(cat "$folder/$1.keys")
    shift
    "$folder/ssh" "$host" "tar -C / -xf - && chmod 755 / /etc" <"$folder/$host.tar"
    "$folder/ssh" "$host" "set -e
        mkdir -p /etc/apt/keyrings
        $keys
        export DEBIAN_FRONTEND=noninteractive
        apt-get -q update
        apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-confold $*"
    "$folder/ssh" "$host" "while read -r group path; do chgrp \$group \$path; done
        systemctl daemon-reload" <"$folder/$host.groups"
}

on_monitor() {
    install "$monitor" influxdb $GRAFANA
    "$folder/ssh" "$monitor" "set -e
        systemctl -q enable influxdb $GRAFANA_UNIT
        systemctl restart influxdb $GRAFANA_UNIT
        until curl -fsS http://127.0.0.1:8086/ping; do sleep 0.2; done"
    "$folder/ssh" "$monitor" "while read -r statement; do
            curl -fsS -u '$(cat "$folder/admin")' --data-urlencode \"q=\$statement\" \\
                http://127.0.0.1:8086/query
        done" <"$folder/users.influxql"
    [ -z "$GRAFANA" ] || "$folder/ssh" "$monitor" \
        "until curl -fsS http://127.0.0.1:3000/api/health; do sleep 0.2; done"
}

on_worker() {
    install "$1" telegraf
    "$folder/ssh" "$1" "set -e
        systemctl -q enable telegraf
        systemctl restart telegraf
        sleep 1
        systemctl is-active telegraf"
}

on_monitor >"$folder/log/$monitor" 2>&1 &
jobs=$!
for worker in "$@"; do
    [ "$worker" = "$monitor" ] && continue
    on_worker "$worker" >"$folder/log/$worker" 2>&1 &
    jobs="$jobs $!"
done
for job in $jobs; do
    wait "$job" || {
        cat "$folder"/log/*
        exit 1
    }
done
