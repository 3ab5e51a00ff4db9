#!/usr/bin/env python3
"""Runs the Ray and the Spark adapter on real clusters of this machine, takes processes away in the
middle of waves, and compares every byte of the reports with those of `taster audit`.

    engines.py ray|spark --taster TASTER --corpus FOLDER --scratch FOLDER [--tasks N]

The command given to the engine is a wrapper that says which process called it and waits a moment,
so that a kill always meets a spec that is being run. Listens on the loopback address only.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
SAME = ["report.html", "report.json", "findings.parquet", "findings.jsonl", "occurrences.parquet",
        "finding_documents.parquet", "manifest.jsonl",
        "quarantine.jsonl"]
PATIENCE = 600
WRAPPER = """#!/bin/sh
# Announces who runs a spec, then runs it after a moment.
case "$1 $2" in
"task "*)
    name=$(echo "$2" | sed 's|.*/specs/||; s|/|_|g')
    echo "$PPID" >"{calls}/.$name.$$" && mv "{calls}/.$name.$$" "{calls}/$name.$$"
    sleep 2
    ;;
esac
exec "{taster}" "$@"
"""

LOG = """rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c: %m%n
"""


def parent(process):
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def command_line(process):
    return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def same_process(caller):
    """A Ray worker runs the command itself."""
    return caller


def executor(caller):
    """The Java process above the Python worker of Spark which runs the command."""
    process = caller
    while "CoarseGrainedExecutorBackend" not in command_line(process):
        process = parent(process)
        if process <= 1:
            raise LookupError(f"no executor above {caller}")
    return process


class Killer(threading.Thread):
    """Kills whoever runs a spec of each of the stages, once per stage."""

    def __init__(self, calls, stages, victim, lose=None):
        super().__init__(daemon=True)
        self.calls, self.stages, self.victim = calls, list(stages), victim
        self.lose, self.kills = lose or {}, []

    def run(self):
        deadline = time.monotonic() + PATIENCE
        while (self.stages or self.lose) and time.monotonic() < deadline:
            for call in sorted(self.calls.glob("[0-9]*")):
                stage = call.name.split("_")[0]
                if stage in self.lose:
                    self.lose.pop(stage)()
                    self.kills.append(f"a node in {stage}")
                if stage in self.stages:
                    self.stages.remove(stage)
                    self.kill(int(call.read_text()), stage)
            time.sleep(0.05)

    def kill(self, caller, stage):
        try:
            process = self.victim(caller)
            os.kill(process, signal.SIGKILL)
            self.kills.append(f"{process} in {stage}")
        except (OSError, LookupError) as error:
            print(f"not killed in {stage}: {error}", file=sys.stderr)


def compare(expected, got):
    for name in SAME:
        if (expected / name).read_bytes() != (got / name).read_bytes():
            sys.exit(f"{name}: the bytes differ")
    print(f"the same bytes: {', '.join(SAME)}")


def attempts(calls):
    specs = [call.name.rsplit(".", 1)[0] for call in calls.glob("[0-9]*")]
    return f"{len(specs)} attempts of {len(set(specs))} specs"


def drive(given, command, environment, killer):
    started = time.monotonic()
    killer.start()
    done = subprocess.run([*command, given.corpus, "--out", given.scratch / "out", "--work", given.scratch / "work",
                           "--taster", given.scratch / "taster", "--tasks", str(given.tasks), "--memory", "512MiB"],
                          env=environment, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        sys.exit(f"the adapter ended with {done.returncode}")
    if killer.stages or killer.lose:
        sys.exit(f"nothing was killed in {killer.stages or killer.lose}: nothing was shown")
    print(f"{given.engine}: {time.monotonic() - started:.0f} s, killed: {'; '.join(killer.kills)}; "
          f"{attempts(given.calls)}")
    compare(given.scratch / "expected", given.scratch / "out")


def ray(given):
    # The second one makes Ray stay on the loopback address.
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    from ray.cluster_utils import Cluster
    local = {"node_ip_address": "127.0.0.1", "num_cpus": 2, "memory": 2 << 30, "object_store_memory": 100 << 20,
             "include_dashboard": False}
    cluster = Cluster(initialize_head=True, connect=False, head_node_args=local)
    local.pop("include_dashboard")
    doomed = cluster.add_node(**local)
    cluster.wait_for_nodes()
    lose = {"07-context": lambda: cluster.remove_node(doomed, allow_graceful=False)}
    killer = Killer(given.calls, ["01-count", "02-screen", "10-evidence"], same_process, lose)
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    try:
        drive(given, [sys.executable, DEPLOY / "ray/taster_ray.py"], environment, killer)
    finally:
        cluster.shutdown()


def spark(given):
    import pyspark
    home = pathlib.Path(pyspark.__file__).parent
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1",
                   "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_DIRS": str(given.scratch / "spark"),
                   "SPARK_WORKER_DIR": str(given.scratch / "spark")}
    # A master and three machines with an executor each, all of them processes of their own.
    master = "local-cluster[3,1,1024]"
    # Everything that Spark logs when an executor is lost goes to a file.
    log = given.scratch / "log4j2.properties"
    log.write_text(LOG.format(file=given.scratch / "spark.log"))
    environment["SPARK_SUBMIT_OPTS"] = f"-Dlog4j2.configurationFile={log.as_uri()}"
    submit = [home / "bin/spark-submit", "--master", master, "--conf", "spark.ui.enabled=false", "--conf",
              "spark.executor.memory=512m", "--conf", "spark.driver.bindAddress=127.0.0.1", "--conf",
              "spark.driver.host=127.0.0.1", DEPLOY / "spark/taster_spark.py"]
    killer = Killer(given.calls, ["01-count", "07-context", "10-evidence"], executor)
    drive(given, submit, environment, killer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=["ray", "spark"])
    parser.add_argument("--taster", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--tasks", type=int, default=6)
    given = parser.parse_args()
    given.scratch, given.taster = given.scratch.resolve(), given.taster.resolve()
    given.corpus = given.corpus.resolve()
    given.calls = given.scratch / "calls"
    given.calls.mkdir(parents=True)
    wrapper = given.scratch / "taster"
    wrapper.write_text(WRAPPER.format(calls=given.calls, taster=given.taster))
    wrapper.chmod(0o755)
    expected = [given.taster, "audit", given.corpus, "--out", given.scratch / "expected", "--quiet"]
    done = subprocess.run(expected, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"taster audit ended with {done.returncode}")
    {"ray": ray, "spark": spark}[given.engine](given)


if __name__ == "__main__":
    main()
