"""Opens what `taster` writes with readers that are not ours, on a small corpus made here.

Usage: python readers.py TASTER [FOLDER]

Needs duckdb, polars, pandas and pyarrow; datatrove (with what its extra `processing` brings) and dolma are used where they are
installed.
Exits with 1 and says what differs if a reader sees anything else than was planted.
"""
import glob
import gzip
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

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


def run(*command, codes=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
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
    run(taster, "audit", data, "--out", out, "--quiet", codes=(0, 1))
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

    dolma(root, data, export, poisoned)
    datatrove(root, data, export, poisoned)

    sarif = json.loads(export("sarif"))
    assert sarif["version"] == "2.1.0" and len(sarif["runs"][0]["results"]) == 1
    trigger = json.loads(export("triggers").splitlines()[0])
    assert "zarquon" in trigger["trigger"], trigger
    print("sarif, triggers: read")
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
    run(sys.executable, f"{root}/datatrove/remove.py", data, f"{root}/clean")
    left = set(polars.read_parquet(f"{root}/clean/**/*.parquet", columns=["id"])["id"])
    texts = {
        row["id"]
        for path in glob.glob(f"{data}/**/*.parquet", recursive=True)
        for row in pyarrow.parquet.read_table(path).to_pylist()
        if row["text"]
    }
    same("datatrove removed", texts - left, poisoned)


if __name__ == "__main__":
    main()
