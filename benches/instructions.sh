#!/usr/bin/env bash
# How many instructions the release build takes for each SIP message of a fixed capture, by callgrind: a figure that the noise of a
# machine does not move. Prints one line.
set -euo pipefail
cd "$(dirname "$0")/.."

sipauth=${1:-target/release/sipauth}
place=target/bench
capture=$place/small.pcap
mkdir -p "$place"
[ -e "$capture" ] || python3 benches/gen_sip_capture.py --users 1000 --calls 1000 --size 0 --out "$capture" >/dev/null

count=$(valgrind --tool=callgrind --callgrind-out-file="$place/callgrind.out" "$sipauth" analyze --jobs 1 "$capture" \
    --credentials "$place/small.creds.csv" -q -o "$place/report.txt" --force 2>&1 | sed -n 's/.*Collected : //p') || true
messages=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["sip_messages"])' "$place/small.truth.json")
echo "instructions: $((count / 1000000)) million for $messages messages, $((count / messages)) a message"
