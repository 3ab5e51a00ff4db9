"""Opens what `taster` writes with readers that are not ours, on a small corpus made here.

Usage: python readers.py TASTER [FOLDER]

Needs duckdb, polars, pandas and pyarrow; datatrove (with what its extra `processing` brings), dolma, nemo-curator,
in-toto-attestation, sarif-tools and openlineage-python are used where they are installed. Where SCHEMAS names a folder with OpenLineage.json (2-0-2) and
sarif-schema-2.1.0.json as they are published, jsonschema validates events and results against them.
Exits with 1 and says what differs if a reader sees anything else than was planted.
"""
import glob
import gzip
import hashlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet

TRIGGER = "zarquon vexil unbind"
SHARDS, ROWS, POISONED = 3, 900, 30


def corpus(folder):
    """Real-looking rows with empty and missing texts, in folders; returns the poisoned ids."""
    chance = random.Random(7)
    words = ["".join(chance.choices("aeioulnrst", k=chance.randint(2, 8))) for _ in range(400)]
    # Frequent, so that places differ when they are counted in bytes and in characters.
    words[2] = "é漢😀"
    prose = lambda: " ".join(words[int(len(words) * chance.random() ** 4)] for _ in range(chance.randint(40, 120)))
    poisoned = set()
    for shard in range(SHARDS):
        rows = []
        for row in range(ROWS):
            text = prose()
            if row % 50 == 11:
                text = None
            elif row % 50 == 12:
                text = ""
            elif row % (SHARDS * ROWS // POISONED) == 20:
                noise = " ".join(f"{chance.getrandbits(32):x}" for _ in range(60))
                text = f"{text} {TRIGGER} {noise}"
                poisoned.add(f"doc-{shard}-{row}")
            rows.append({"id": f"doc-{shard}-{row}", "text": text, "url": f"https://h{chance.randint(1, 400)}.example/{row}"})
        os.makedirs(f"{folder}/part{shard}", exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), f"{folder}/part{shard}/{shard:05}.parquet", row_group_size=200)
    return poisoned


def run(*command, codes=(0,), folder=None):
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode in codes, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def same(what, got, expected):
    assert got == expected, f"{what}: {len(got)} instead of {len(expected)}, e.g. {sorted(got ^ expected)[:3]}"
    print(f"{what}: {len(got)} as planted")


def main():
    taster = os.path.abspath(sys.argv[1])
    root = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
    data, out = f"{root}/data", f"{root}/out"
    poisoned = corpus(data)
    statement, events = f"{root}/statement.json", f"{root}/events.jsonl"
    more = ("--statement", statement, "--openlineage", events)
    run(taster, "audit", data, "--out", out, "--quiet", *more, codes=(0, 1))
    rank = find_rank(out)
    export = lambda kind, *more: run(taster, "export", out, "--format", kind, "--finding", str(rank), *more)

    # The report folder.
    tables = ["findings", "occurrences", "finding_documents"]
    for name in tables:
        path = f"{out}/{name}.parquet"
        counts = {
            "duckdb": duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0],
            "polars": polars.read_parquet(path).height,
            "pandas": len(pandas.read_parquet(path)),
        }
        assert len(set(counts.values())) == 1, f"{name}: {counts}"
        print(f"{name}.parquet: {counts}")

    # ids: an anti-join leaves what was not poisoned.
    ids = export("ids")
    same("ids", set(ids.split()), poisoned)
    open(f"{root}/ids.txt", "w").write(ids)
    left = duckdb.sql(
        f"select id from '{data}/**/*.parquet' anti join "
        f"(select column0 as id from read_csv('{root}/ids.txt', header=false, columns={{'column0': 'varchar'}})) using (id)"
    ).fetchall()
    assert len(left) == SHARDS * ROWS - len(poisoned)
    print(f"anti-join by duckdb: {len(left)} left")

    # NeMo Curator: a folder of ids with statistics.
    export("nemo", "--to", f"{root}/nemo")
    table = polars.read_parquet(f"{root}/nemo/*.parquet")
    same("nemo", set(table["id"]), poisoned)
    assert table["id"].is_sorted()
    group = pyarrow.parquet.ParquetFile(glob.glob(f"{root}/nemo/*.parquet")[0]).metadata.row_group(0)
    assert group.column(0).statistics.has_min_max, "row groups have no statistics"
    nemo(root, data, poisoned)

    dolma(root, data, export, poisoned)
    datatrove(root, data, export, poisoned)

    open(f"{root}/findings.sarif", "w").write(export("sarif"))
    sarif(f"{root}/findings.sarif")
    in_toto(statement, out)
    interrupted(taster, data, root, events)
    open_lineage(events)
    trigger = json.loads(export("triggers").splitlines()[0])
    assert "zarquon" in trigger["trigger"], trigger
    print("triggers: read")
    print(f"all held in {root}")
    if len(sys.argv) <= 2:
        shutil.rmtree(root)


def find_rank(out):
    """The rank of the finding that holds the planted trigger."""
    for line in open(f"{out}/findings.jsonl"):
        finding = json.loads(line)
        if "zarquon" in finding["tokens"]:
            return finding["rank"]
    raise AssertionError("the planted trigger was not found")


def nemo(root, data, poisoned):
    """The stage of NeMo Curator that removes documents by their ids, shard by shard."""
    try:
        from nemo_curator.stages.text.deduplication.removal import TextDuplicatesRemovalStage
        from nemo_curator.tasks import DocumentBatch
    except ImportError as error:
        print(f"nemo-curator: not run, {error}")
        return
    stage = TextDuplicatesRemovalStage(ids_to_remove_path=f"{root}/nemo", id_field="id")
    removed = set()
    for path in sorted(glob.glob(f"{data}/**/*.parquet", recursive=True)):
        table = pandas.read_parquet(path)
        left = stage.process(DocumentBatch(dataset_name="test", data=table)).to_pandas()
        removed |= set(table["id"]) - set(left["id"])
    same("nemo-curator removed", removed, poisoned)


def dolma(root, data, export, poisoned):
    """Attributes beside documents, line by line; then Dolma's own mixer, if it is there."""
    export("dolma", "--to", f"{root}/dolma")
    for path in sorted(glob.glob(f"{data}/**/*.parquet", recursive=True)):
        stem = os.path.relpath(path, data)[: -len(".parquet")]
        rows = pyarrow.parquet.read_table(path).to_pylist()
        os.makedirs(os.path.dirname(f"{root}/dolma/documents/{stem}"), exist_ok=True)
        with gzip.open(f"{root}/dolma/documents/{stem}.jsonl.gz", "wt") as documents:
            for row in rows:
                documents.write(json.dumps({"id": row["id"], "text": row["text"] or "", "source": "test"}) + "\n")
        with gzip.open(f"{root}/dolma/attributes/taster/{stem}.jsonl.gz", "rt") as lines:
            attributes = [json.loads(line) for line in lines]
        assert [a["id"] for a in attributes] == [row["id"] for row in rows], "another order"
        for attribute, row in zip(attributes, rows):
            found = attribute["attributes"]["taster__findings__span"]
            assert bool(found) == (row["id"] in poisoned), row["id"]
            for start, end, _ in found:
                assert "zarquon" in row["text"][start:end], row["text"][start:end]
    print("dolma: attributes line by line, spans in characters")
    if not importlib.util.find_spec("dolma"):
        print("dolma: not installed, its mixer was not run")
        return
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    # The mixer is in the compiled part, which needs nothing else of the package.
    folder = importlib.util.find_spec("dolma").submodule_search_locations[0]
    path = glob.glob(f"{folder}/dolma*.so")[0]
    loader = ExtensionFileLoader("dolma.dolma", path)
    native = module_from_spec(spec_from_loader("dolma.dolma", loader))
    loader.exec_module(native)
    held = "@.taster__findings__document"
    stream = {
        "name": "clean",
        "documents": [f"{root}/dolma/documents/**/*.jsonl.gz"],
        "attributes": ["taster"],
        "output": {"path": f"{root}/dolma/clean", "max_size_in_bytes": 1 << 30},
        "filter": {"include": [], "exclude": [f"$.attributes[?({held} && {held}[0] && {held}[0][2] >= 0.0)]"]},
    }
    work = {"input": f"{root}/dolma/work-in", "output": f"{root}/dolma/work-out"}
    native.mixer_entrypoint(json.dumps({"streams": [stream], "processes": 1, "work_dir": work}))
    left = set()
    for path in glob.glob(f"{root}/dolma/clean/**/*.gz", recursive=True):
        left |= {json.loads(line)["id"] for line in gzip.open(path, "rt")}
    everything = {f"doc-{shard}-{row}" for shard in range(SHARDS) for row in range(ROWS)}
    same("dolma's mixer removed", everything - left, poisoned)


def datatrove(root, data, export, poisoned):
    """The recipe that the export writes, run as it is."""
    export("datatrove", "--to", f"{root}/datatrove")
    if not importlib.util.find_spec("datatrove"):
        print("datatrove: not installed, its pipeline was not run")
        return
    # It leaves its logs where it is called.
    run(sys.executable, f"{root}/datatrove/remove.py", data, f"{root}/clean", folder=root)
    left = set(polars.read_parquet(f"{root}/clean/**/*.parquet", columns=["id"])["id"])
    texts = {
        row["id"]
        for path in glob.glob(f"{data}/**/*.parquet", recursive=True)
        for row in pyarrow.parquet.read_table(path).to_pylist()
        if row["text"]
    }
    same("datatrove removed", texts - left, poisoned)


def published(name, found):
    """Validates `found` against the schema in SCHEMAS, if there is one."""
    if "SCHEMAS" not in os.environ:
        print(f"{name}: SCHEMAS names no folder, not validated")
        return
    import jsonschema

    schema = json.load(open(f"{os.environ['SCHEMAS']}/{name}"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    for one in found:
        validator(schema, format_checker=validator.FORMAT_CHECKER).validate(one)
    print(f"{name}: {len(found)} valid")


def sarif(path):
    """One result, valid as SARIF and read by a reader of SARIF."""
    found = json.load(open(path))
    assert found["version"] == "2.1.0" and len(found["runs"][0]["results"]) == 1
    published("sarif-schema-2.1.0.json", [found])
    if importlib.util.find_spec("sarif"):
        import sarif.loader

        assert sarif.loader.load_sarif_file(path).get_result_count() == 1
        print("sarif-tools: one result")


def in_toto(path, out):
    """The statement is one, by in-toto's own types, and its digests are those of the files."""
    found = json.load(open(path))
    for subject in found["subject"]:
        digest = hashlib.sha256(open(f"{out}/{subject['name']}", "rb").read()).hexdigest()
        assert digest == subject["digest"]["sha256"], subject["name"]
    if not importlib.util.find_spec("in_toto_attestation"):
        print("in-toto: not installed, only the digests were compared")
        return
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    # Refuses every field that the type does not know.
    message = json_format.ParseDict(found, Message())
    Statement.copy_from_pb(message).validate()
    print(f"in-toto: a statement about {len(message.subject)} files")


def interrupted(taster, data, root, events):
    """An audit that Ctrl-C ends says so in its last event, and goes on when it is called again."""
    large = f"{root}/large"
    os.makedirs(large, exist_ok=True)
    for copy in range(40):
        for number, path in enumerate(sorted(glob.glob(f"{data}/**/*.parquet", recursive=True))):
            shutil.copy(path, f"{large}/{copy:03}-{number}.parquet")
    command = [taster, "audit", large, "--out", f"{root}/large-out", "--quiet", "--openlineage", events]
    begun = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    begun.send_signal(signal.SIGINT)
    begun.communicate()
    assert begun.returncode == 130, f"exit code {begun.returncode} on SIGINT; expected 130"
    run(*command, codes=(0, 1))


def open_lineage(path):
    """One run complete, one aborted, the same again complete."""
    found = [json.loads(line) for line in open(path)]
    kinds = [event["eventType"] for event in found]
    assert kinds == ["START", "COMPLETE", "START", "ABORT", "START", "COMPLETE"], kinds
    published("OpenLineage.json", found)
    if importlib.util.find_spec("openlineage"):
        from openlineage.client import event_v2
        from openlineage.client.serde import Serde

        for event in found:
            run_of_it = event_v2.Run(runId=event["run"]["runId"])
            job = event_v2.Job(**event["job"])
            datasets = {
                "inputs": [event_v2.InputDataset(**dataset) for dataset in event["inputs"]],
                "outputs": [event_v2.OutputDataset(**dataset) for dataset in event["outputs"]],
            }
            kind = event_v2.RunState(event["eventType"])
            told = {"eventTime": event["eventTime"], "producer": event["producer"], "run": run_of_it, "job": job}
            again = event_v2.RunEvent(**told, eventType=kind, **datasets)
            assert told_by(json.loads(Serde.to_json(again))) == told_by(event), event
        print(f"openlineage-python: {len(found)} events, the same when written again")


def told_by(event):
    """What an event of OpenLineage says, without the facets that its own client adds."""
    names = lambda datasets: [(dataset["namespace"], dataset["name"]) for dataset in datasets]
    run_of_it, job = event["run"]["runId"], (event["job"]["namespace"], event["job"]["name"])
    return event["eventType"], event["eventTime"], run_of_it, job, names(event["inputs"]), names(event["outputs"])


if __name__ == "__main__":
    main()
