#!/usr/bin/env bash
# Plays the overlay `standing` with podman: the very Deployments, on the image as it is built, with
# an S3 server beside them. Submits the sample, kills a worker meanwhile, and compares the report
# with that of `taster audit`, byte by byte.
#
#     S3_IMAGE=taster-s3:0.1.0 deploy/tests/pods.sh
#
# Needs podman and python3 with PyYAML, and the images registry.example.com/taster:0.1.0 and S3_IMAGE
# (`--target s3` of the Dockerfile). Makes a network of its own; publishes no port. podman 4.3
# checks no probes of its own without systemd and knows no Services: the coordinator gets the
# Service's name, and this script asks for its readiness.
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
image=registry.example.com/taster:0.1.0
S3_IMAGE="${S3_IMAGE:-taster-s3:0.1.0}"
network="taster-test-$$"
scratch="$(mktemp -d)"
keys=(--env AWS_ACCESS_KEY_ID=taster-example --env AWS_SECRET_ACCESS_KEY=taster-example-secret
    --env AWS_REGION=us-east-1 --env AWS_ENDPOINT_URL=http://s3:9000 --env AWS_ALLOW_HTTP=true)

finish() {
    podman kube down "$scratch/play.yaml" >/dev/null 2>&1 || true
    podman rm --force --ignore "s3-$$" >/dev/null 2>&1 || true
    podman network rm --force "$network" >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT

# Runs a command in the image, locked as the pods are.
run() {
    podman run --rm --network "$network" --read-only --cap-drop all --tmpfs /scratch:mode=1777 \
        --user 65532:65532 "${keys[@]}" "${mounts[@]}" "$image" "$@"
}
mounts=()

podman network create "$network" >/dev/null
mkdir -p "$scratch/data/"{runs,audits,corpora/sample} "$scratch/out"
cp "$repository"/demo/sample/*.parquet "$scratch/data/corpora/sample/"
chmod -R a+rwX "$scratch"
podman run --detach --name "s3-$$" --network "$network" --network-alias s3 --user 65532:65532 --cap-drop all \
    --volume "$scratch/data:/data" "$S3_IMAGE" s3s-fs --host 0.0.0.0 --port 9000 \
    --access-key taster-example --secret-key taster-example-secret /data >/dev/null

kubectl kustomize "$repository/deploy/kustomize/overlays/standing" >"$scratch/standing.yaml"
python3 - "$scratch/standing.yaml" "$scratch/play.yaml" <<'PYTHON'
import base64
import sys
import yaml

rendered, play = sys.argv[1:]
settings = {"WORK": "s3://runs/taster", "ALLOW": "s3://corpora,s3://audits",
            "AWS_ENDPOINT_URL": "http://s3:9000", "AWS_ALLOW_HTTP": "true",
            # An optional secret of envFrom is left out.
            "AWS_ACCESS_KEY_ID": "taster-example", "AWS_SECRET_ACCESS_KEY": "taster-example-secret"}
kept = []
with open(rendered) as file:
    for document in yaml.safe_load_all(file):
        if document["kind"] == "ConfigMap":
            document["data"] |= settings
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            # Read without a look whether it is there.
            for volume in pod["volumes"]:
                volume.get("secret", {})["optional"] = False
            container = pod["containers"][0]
            # Probes need systemd here.
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                container.pop(probe)
            # They would be published on this machine.
            container.pop("ports")
            # Sizes on disk are not bounded here.
            container["resources"]["limits"].pop("ephemeral-storage")
            container["resources"]["requests"].pop("ephemeral-storage")
            # Variables of envFrom are not put into arguments, and only the pod's own name is known.
            told = settings | {"COORDINATOR": "taster-coordinator-pod-0"}
            args = [arg.replace("//taster-coordinator:", "//$(COORDINATOR):") for arg in container["args"]]
            for name, value in told.items():
                args = [arg.replace(f"$({name})", value) for arg in args]
            container["args"] = args
        if document["kind"] in ("ConfigMap", "Deployment"):
            document["metadata"].pop("namespace", None)
            kept.append(document)
text = lambda value: base64.b64encode(value.encode()).decode()
secret = lambda name, data: {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                             "data": {key: text(value) for key, value in data.items()}}
kept.insert(0, secret("taster-token", {"token": "example-token\n"}))
kept.sort(key=lambda document: ["Secret", "ConfigMap", "Deployment"].index(document["kind"]))
with open(play, "w") as file:
    yaml.safe_dump_all(kept, file)
PYTHON
# It would take a folder of the image's name for something to build.
(cd "$scratch" && podman kube play --network "$network" play.yaml)

# What the pods read: podman 4.3 leaves secrets encoded.
podman exec taster-worker-pod-0-worker cat /etc/taster/token/token >"$scratch/token"
chmod a+r "$scratch/token"
mounts=(--volume "$scratch/token:/token:ro")
client=(--coordinator http://taster-coordinator-pod-0:7770 --token-file /token)
for _ in $(seq 15); do
    if run taster list "${client[@]}" --quiet >"$scratch/said" 2>&1; then ready=1; break; fi
    sleep 1
done
if [ -z "${ready:-}" ]; then
    podman logs taster-coordinator-pod-0-coordinator >&2
    cat "$scratch/said" >&2
    exit 1
fi

run taster submit s3://corpora/sample/ --out s3://audits/sample/ --id pods "${client[@]}" --quiet
podman kill --signal KILL taster-worker-pod-1-worker >/dev/null
# What is killed too late shows nothing.
if [ -e "$scratch/data/runs/taster/audits/pods/ended.json" ]; then
    echo "the audit had ended before the worker was killed" >&2
    exit 1
fi
status=0
run taster watch pods "${client[@]}" || status=$?
[ -e "$scratch/data/runs/taster/audits/pods/ended.json" ]

mounts=(--volume "$scratch/data/corpora:/corpora:ro" --volume "$scratch/out:/out")
run taster audit /corpora/sample --out /out/expected --work /scratch/work --fail-on never --quiet >/dev/null
for name in report.html report.json findings.parquet findings.jsonl occurrences.parquet finding_documents.parquet manifest.jsonl quarantine.jsonl; do
    cmp "$scratch/data/audits/sample/$name" "$scratch/out/expected/$name"
done
echo "the same bytes, one worker of three killed; watch ended with $status"
started=$SECONDS
podman stop --time 60 taster-worker-pod-0-worker >/dev/null
podman stop --time 60 taster-coordinator-pod-0-coordinator >/dev/null
for container in taster-worker-pod-0-worker taster-coordinator-pod-0-coordinator; do
    code="$(podman inspect --format '{{.State.ExitCode}}' "$container")"
    echo "$container: exit code $code on SIGTERM"
    [ "$code" = 143 ] || exit 1
done
echo "stopped in $((SECONDS - started)) s"
