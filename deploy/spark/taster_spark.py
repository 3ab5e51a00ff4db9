#!/usr/bin/env python3
"""Audits a corpus on a Spark cluster: Spark is the dispatcher, there is no coordinator.

    spark-submit taster_spark.py s3://bucket/crawl/ --out s3://bucket/audit --work s3://bucket/work --tasks 64

`taster` has to be on every executor's machine (or --taster names it; `--archives` can bring it),
with credentials for the store. A wave is a Spark job with one partition per spec; Spark runs a
partition again when it failed or its executor was lost. Nothing but names travels through Spark:
outputs are committed create-only in the work store, so running a spec twice is harmless.

The command runs beside the JVM: leave --memory times the task slots of an executor free in
spark.executor.memoryOverhead, and let spark.task.cpus equal --threads.

Exit codes: those of `taster audit` with --fail-on, else 0 done; 2 usage; 4 trouble.
"""

import argparse
import json
import subprocess
import sys

from pyspark import TaskContext
from pyspark.sql import SparkSession

USAGE = 2
TROUBLE = 4


class Trouble(Exception):
    """A spec that did not end well and may do so elsewhere."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="URLs or paths that every executor can read")
    parser.add_argument("--out", required=True, help="folder or URL of the report")
    parser.add_argument("--work", required=True, help="folder or URL of task outputs, shared by all executors")
    parser.add_argument("--tasks", type=int, default=16, help="specs of a wave; some per core of the cluster")
    parser.add_argument("--threads", type=int, default=1, help="cores of a spec")
    parser.add_argument("--memory", default="2GiB", help="memory of a spec")
    parser.add_argument("--fail-on", metavar="SEVERITY", help="end with 1 if there is such a finding")
    parser.add_argument("--taster", default="taster", help="the command, on every executor")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        help="one more option of the audit, such as floor=20")
    return parser.parse_args()


def plan(given, common):
    """Freezes what is audited; the waves in order."""
    command = [given.taster, "plan", *given.inputs, "--write", "--tasks", str(given.tasks),
               "--output", "json", *common]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def runner(taster, machine, last_attempt):
    """What an executor does with a spec."""

    def run(spec):
        done = subprocess.run([taster, "task", spec, "--quiet", *machine], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        said = f"{spec}: exit code {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"
        # A last failure would end the whole job, and other specs with it: it is told instead.
        if done.returncode not in (0, USAGE) and TaskContext.get().attemptNumber() < last_attempt:
            raise Trouble(said)
        return done.returncode, said

    return run


def wave(context, specs, run):
    """Runs the specs of a wave and waits for all; how many were lost for good."""
    try:
        ended = context.parallelize(specs, len(specs)).map(run).collect()
    except Exception as error:  # the kinds differ between versions, and all mean the same here
        print(f"given up: {error}", file=sys.stderr)
        return len(specs)
    failed = [(code, said) for code, said in ended if code != 0]
    for _, said in failed:
        print(said, file=sys.stderr)
    if any(code == USAGE for code, _ in failed):
        sys.exit(USAGE)
    return len(failed)


def main():
    given = arguments()
    machine = ["--threads", str(given.threads), "--memory", given.memory]
    common = ["--out", given.out, "--work", given.work, *machine]
    for option in given.option:
        name, _, value = option.partition("=")
        common += [f"--{name}", value]
    planned = plan(given, common)
    context = SparkSession.builder.appName("taster").getOrCreate().sparkContext
    attempts = int(context.getConf().get("spark.task.maxFailures", "4"))
    run = runner(given.taster, machine, attempts - 1)
    for stage in planned["stages"]:
        specs = stage["specs"]
        lost = wave(context, specs, run)
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
