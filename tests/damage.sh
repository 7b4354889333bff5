#!/usr/bin/env bash
# Damages every sample with Wireshark's editcap, again and again, and reads the result: tests/damage.sh [FILES [SIPAUTH]]
# Each byte of a packet is changed with a probability of 0.1, 1, 2 or 10 %. No run may end otherwise than with exit code 0, 1 or 3.
set -euo pipefail
cd "$(dirname "$0")/.."
files=${1:-20000}
sipauth=${2:-target/release/sipauth}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mapfile -t samples < <(find samples -name 'capture.pcap' -o -name 'capture.pcapng' | sort)
rates=(0.001 0.01 0.02 0.1)
declare -A codes
for ((number = 0; number < files; number++)); do
    sample=${samples[$((number % ${#samples[@]}))]}
    rate=${rates[$((number / ${#samples[@]} % 4))]}
    # What is cut short, or is of several link types, editcap writes with a complaint.
    rm -f "$folder/damaged"
    editcap -F pcap -E "$rate" --seed "$number" "$sample" "$folder/damaged" 2>/dev/null || true
    [ -s "$folder/damaged" ] || continue
    options=()
    secrets=$(dirname "$sample")/credentials.csv
    [ ! -e "$secrets" ] || options=(--credentials "$secrets")
    code=0
    timeout 20 "$sipauth" analyze --quiet --format json "${options[@]}" "$folder/damaged" >"$folder/report" 2>"$folder/notes" || code=$?
    codes[$code]=$((${codes[$code]:-0} + 1))
    case $code in
    0 | 1 | 3) ;;
    *)
        echo "exit code $code: $sample, rate $rate, seed $number" >&2
        head -5 "$folder/notes" >&2
        exit 1
        ;;
    esac
done
for code in "${!codes[@]}"; do echo "exit code $code: ${codes[$code]} files"; done
