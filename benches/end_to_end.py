#!/usr/bin/env python3
"""Whole runs of sipauth beside dd, tcpdump and tshark on generated captures, in turn, as ratios of CPU time.

  cargo build --release --locked
  benches/end_to_end.py               100 MB of SIP, one capture
  benches/end_to_end.py --all         also 1 GB of SIP, and 1 GB that is nearly all RTP (half an hour with tshark)

Each figure is the median of --runs runs (tshark: of one, its runs differ little and take long). CPU is user + system time as the
kernel counts it; memory the peak of the resident set. The counts of the report are compared with those that the generator wrote
down, and every difference is printed. Captures go to target/bench and are kept there: the generator gives the same bytes again.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "bench"
CAPTURES = {
    "sip100m": ["--size", "100M"],
    "sip1g": ["--users", "60000", "--calls", "60000", "--size", "1G"],
    "mix1g": ["--users", "20000", "--calls", "40000", "--size", "1G", "--rtp-share", "0.95", "--noise-share", "0.05"],
}
FIELDS = ["frame.number", "sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq", "sip.Via.branch", "sip.auth.username",
          "sip.auth.realm", "sip.auth.nonce", "sip.auth.uri", "sip.auth.digest.response", "sip.auth.algorithm", "sip.auth.qop",
          "sip.auth.nc", "sip.auth.cnonce", "sip.auth.opaque"]


def generated(name):
    """The capture of that name, made where it is missing."""
    capture = PLACE / f"{name}.pcap"
    if not capture.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        generator = ROOT / "benches" / "gen_sip_capture.py"
        subprocess.run([sys.executable, generator, *CAPTURES[name], "--out", capture], check=True)
    return capture


def measured(command):
    """CPU seconds and peak KiB of one run. Exit code 1 is a report with findings."""
    with open(os.devnull, "wb") as nothing:
        child = subprocess.Popen([str(part) for part in command], stdout=nothing, stderr=nothing)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def medians(commands, runs):
    """The medians of each command, all of them in turn: what disturbs the machine disturbs all."""
    figures = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            figures[name].append(measured(command))
    return {name: tuple(statistics.median(column) for column in zip(*rows)) for name, rows in figures.items()}


def differences(capture, sipauth):
    """Where the report counts otherwise than the generator did."""
    command = [sipauth, "analyze", capture, "--credentials", capture.with_suffix(".creds.csv"), "-q", "-T", "ndjson"]
    # Line by line, the summary last: what this program holds counts as the peak of every program that it starts.
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE) as child:
        for line in child.stdout:
            last = line
    summary = json.loads(last)
    truth = json.loads(capture.with_suffix(".truth.json").read_text())
    pairs = [("sip_messages", summary["sip_messages"]), ("digests_valid", summary["verifications"]["match"]),
             ("digests_invalid", summary["verifications"]["mismatch"])]
    return [f"{name}: {counted} instead of {truth[name]}" for name, counted in pairs if counted != truth[name]]


def bench(name, runs, sipauth):
    capture = generated(name)
    base = [sipauth, "analyze", capture, "--credentials", capture.with_suffix(".creds.csv"), "-q"]
    commands = {
        "sipauth": base,
        "sipauth -T json": [*base, "-T", "json"],
        "dd": ["dd", f"if={capture}", "of=/dev/null", "bs=256k", "status=none"],
    }
    if shutil.which("tcpdump"):
        commands["tcpdump -w /dev/null"] = ["tcpdump", "-r", capture, "-w", "/dev/null"]
    figures = medians(commands, runs)
    if shutil.which("tshark"):
        fields = [part for field in FIELDS for part in ("-e", field)]
        tshark = ["tshark", "-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "sip", "-T", "fields", *fields]
        figures["tshark -Y sip -T fields"] = measured(tshark)
    own = figures["sipauth"][0]
    print(f"\n{name}  {capture.stat().st_size / 1e6:.0f} MB, medians of {runs}")
    for program, (seconds, peak) in figures.items():
        ratio = f"1/{seconds / own:.1f}" if seconds > own else f"{own / seconds:.1f} x"
        print(f"  {program:26} {seconds:8.2f} s CPU {peak / 1024:8.1f} MiB   sipauth takes {ratio}")
    for difference in differences(capture, sipauth) or ["counts are those of the generator"]:
        print(f"  {difference}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="the captures of 1 GB as well")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sipauth", type=Path, default=ROOT / "target" / "release" / "sipauth")
    options = parser.parse_args()
    for name in CAPTURES if options.all else ["sip100m"]:
        bench(name, options.runs, options.sipauth)


if __name__ == "__main__":
    main()
