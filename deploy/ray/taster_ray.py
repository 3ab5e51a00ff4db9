#!/usr/bin/env python3
"""Audits a corpus on a Ray cluster: Ray is the dispatcher, there is no coordinator.

    python taster_ray.py s3://bucket/crawl/ --out s3://bucket/audit --work s3://bucket/work --tasks 64

`taster` has to be on every node (or --taster names it), with credentials for the store. Ray places
the specs of a wave, runs them again when a process or a node is lost, and waits for all of them
before the next wave begins. Nothing but names travels through Ray: outputs are committed
create-only in the work store, so running a spec twice is harmless.

Exit codes: those of `taster audit` with --fail-on, else 0 done; 2 usage; 4 trouble.
"""

import argparse
import json
import os
import subprocess
import sys

import ray

USAGE = 2
TROUBLE = 4
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Trouble(Exception):
    """A spec that did not end well and may do so elsewhere."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="URLs or paths that every node can read")
    parser.add_argument("--out", required=True, help="folder or URL of the report")
    parser.add_argument("--work", required=True, help="folder or URL of task outputs, shared by all nodes")
    parser.add_argument("--tasks", type=int, default=16, help="specs of a wave; some per core of the cluster")
    parser.add_argument("--threads", type=int, default=1, help="cores of a spec")
    parser.add_argument("--memory", default="2GiB", help="memory of a spec, in whole KiB, MiB, GiB or TiB")
    parser.add_argument("--retries", type=int, default=4, help="times that a spec is tried again")
    parser.add_argument("--fail-on", metavar="SEVERITY", help="end with 1 if there is such a finding")
    parser.add_argument("--taster", default="taster", help="the command, on every node")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        help="one more option of the audit, such as floor=20")
    return parser.parse_args()


def size(text):
    """Bytes of a size such as 2GiB."""
    number, unit = text[:-3], text[-3:]
    if not number.isdigit() or unit not in UNITS:
        print(f"memory: expected a size such as 2GiB, got {text!r}", file=sys.stderr)
        sys.exit(USAGE)
    return int(number) * UNITS[unit]


def plan(given, common):
    """Freezes what is audited; the waves in order."""
    command = [given.taster, "plan", *given.inputs, "--write", "--tasks", str(given.tasks),
               "--output", "json", *common]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def run_spec(taster, spec, machine):
    """One spec, on some node. Ends with Trouble where another try may help."""
    done = subprocess.run([taster, "task", spec, "--quiet", *machine], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, USAGE):
        raise Trouble(f"{spec}: exit code {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.returncode, done.stderr.decode(errors="replace")


def wave(remote, taster, specs, machine):
    """Runs the specs of a wave and waits for all; how many were lost for good."""
    lost = 0
    for task in [remote.remote(taster, spec, machine) for spec in specs]:
        try:
            code, said = ray.get(task)
        except (Trouble, ray.exceptions.RayError) as error:
            print(f"given up: {error}", file=sys.stderr)
            lost += 1
            continue
        if code == USAGE:
            print(said, file=sys.stderr)
            sys.exit(USAGE)
    return lost


def main():
    given = arguments()
    machine = ["--threads", str(given.threads), "--memory", given.memory]
    common = ["--out", given.out, "--work", given.work, *machine]
    for option in given.option:
        name, _, value = option.partition("=")
        common += [f"--{name}", value]
    memory = size(given.memory)
    planned = plan(given, common)
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), log_to_driver=False)
    remote = ray.remote(num_cpus=given.threads, memory=memory, max_retries=given.retries,
                        retry_exceptions=[Trouble])(run_spec)
    for stage in planned["stages"]:
        specs = stage["specs"]
        lost = wave(remote, given.taster, specs, machine)
        print(f"{stage['stage']}: {len(specs) - lost} of {len(specs)} specs done", file=sys.stderr)
        # What was lost is made up for by whoever needs it, at the latest by the report.
        if lost == len(specs):
            sys.exit(TROUBLE)
    print(planned["out"])
    if given.fail_on:
        # Everything is found done; this reads the verdict.
        command = [given.taster, "audit", *given.inputs, *common, "--fail-on", given.fail_on]
        sys.exit(subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode)


if __name__ == "__main__":
    main()
