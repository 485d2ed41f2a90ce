#!/usr/bin/env python3
"""What a schema cannot say of the Kubernetes manifests, and of the images that they, Compose and the Dockerfiles name.

check-manifests.py schemas OUT CRD...      JSON schemas for kubeconform: the built-in kinds' to OUT/core, those of the CRDs to OUT/crd
check-manifests.py environments PROGRAM MANIFEST  runs `PROGRAM config check` in the environment that each container would have
check-manifests.py cloud-init OUT           takes what `terraform console` printed for the template (on stdin), and writes its scripts to OUT
check-manifests.py versions                 holds every version of somebody else's image against compose/versions.yaml
check-manifests.py inline OUT               writes the Dockerfiles that are inside of compose/versions.yaml to OUT/SERVICE
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

KUBERNETES = "v1.34.0-local-strict"
VERSIONS = "compose/versions.yaml"
# Where images are named: in manifests, in Dockerfiles, and the language that these are written in.
IMAGE = re.compile(r"""^\s*(?:-\s+)?(?:image:\s*|FROM\s+(?:--\S+\s+)*|\#\s*syntax=)["']?([^\s"']+)(?:.*\s[Aa][Ss]\s+(\S+))?""")
# What stands in for secrets, which are not in the manifests.
SECRETS = {"url": "postgres://user:secret@postgres:5432/churn"}


def strict(schema) -> None:
    """Refuses unknown fields, as the API server does with field validation."""
    if isinstance(schema, list):
        for item in schema:
            strict(item)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    for value in list(schema.values()):
        strict(value)


def crd_schemas(out: pathlib.Path, path: str) -> None:
    """Writes out/GROUP/KIND_VERSION.json for each version in a file of CRDs."""
    for crd in yaml.safe_load_all(pathlib.Path(path).read_text()):
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            properties = schema.setdefault("properties", {})
            strict(schema)
            properties["metadata"] = {"type": "object"}
            for field in ("apiVersion", "kind"):
                properties.setdefault(field, {"type": "string"})
            file = out / spec["group"] / f"{spec['names']['kind'].lower()}_{version['name']}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(schema))


def core_schemas(out: pathlib.Path) -> None:
    """Copies the schemas that the package kubernetes-validate carries, with references to the copies."""
    import kubernetes_validate

    source = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / KUBERNETES
    files = list(source.glob("*.json"))
    if not files:
        raise SystemExit(f"kubernetes-validate has no schemas {KUBERNETES}")
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        schema = json.loads(file.read_text().replace('"/api/_definitions.json#', f'"file://{out}/_definitions.json#'))
        schema.pop("$id", None)
        (out / file.name).write_text(json.dumps(schema))


def containers(manifest: dict):
    """Each container of a workload, with the workload's name."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if manifest["kind"] in ("StatefulSet", "Deployment", "Job", "CronJob"):
        for container in spec["template"]["spec"]["containers"]:
            yield manifest["metadata"]["name"], container


def environment(container: dict, maps: dict, folder: str) -> dict:
    """What the kubelet would set, with stand-ins for secrets."""
    values = {}
    for source in container.get("envFrom", []):
        values.update(maps[source["configMapRef"]["name"]])
    for entry in container.get("env", []):
        reference = entry.get("valueFrom", {})
        if "secretKeyRef" in reference:
            values[entry["name"]] = SECRETS.get(reference["secretKeyRef"]["key"], "secret")
        elif "fieldRef" in reference:
            values[entry["name"]] = "pod-0"
        else:
            value = entry["value"]
            for name, known in values.items():
                value = value.replace(f"$({name})", known)
            values[entry["name"]] = value
    for name, value in values.items():
        if value.startswith("file:"):
            values[name] = f"file:{folder}/secret"
        elif value.startswith("/etc/churn/"):
            values[name] = f"{folder}/secret"
    return values


def check_environments(program: str, path: str) -> None:
    """Every key of every container must be one that the program knows, with a value that it takes."""
    manifests = [m for m in yaml.safe_load_all(pathlib.Path(path).read_text()) if m]
    maps = {m["metadata"]["name"]: m["data"] for m in manifests if m["kind"] == "ConfigMap"}
    checked = []
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "secret").write_text("secret")
        for manifest in manifests:
            for workload, container in containers(manifest):
                if re.split("[:@]", container["image"].rsplit("/", 1)[-1])[0] != "churnstream":
                    continue
                env = {"PATH": os.environ["PATH"], **environment(container, maps, folder)}
                run = subprocess.run([program, "config", "check"], env=env, cwd=folder, capture_output=True, text=True)
                if run.returncode != 0:
                    raise SystemExit(f"{workload}: {run.stdout}{run.stderr}")
                checked.append(workload)
    if not checked:
        raise SystemExit("no container of the program in the manifests")
    print(f"the program takes the environment of {', '.join(checked)}")


def check_cloud_init(out: str) -> None:
    """The filled-in template is YAML of the kinds that cloud-init has; its files that are programs go to `out`, for shellcheck."""
    text = json.loads(json.loads(sys.stdin.read()))
    if not text.startswith("#cloud-config\n"):
        raise SystemExit("cloud-init wants #cloud-config in the first line")
    config = yaml.safe_load(text)
    known = {"package_update", "package_upgrade", "packages", "fs_setup", "mounts", "write_files", "runcmd"}
    if config.keys() - known:
        raise SystemExit(f"unknown to cloud-init, or new here: {config.keys() - known}")
    written = {file["path"]: file["content"] for file in config["write_files"]}
    json.loads(written["/etc/docker/daemon.json"])
    scripts = {path: content for path, content in written.items() if content.startswith("#!")}
    for path, content in scripts.items():
        (pathlib.Path(out) / pathlib.Path(path).name).write_text(content)
    for command in config["runcmd"]:
        if command[0].startswith("/usr/local") and command[0] not in scripts:
            raise SystemExit(f"nobody writes {command[0]}")
    unit = written["/etc/systemd/system/churnstream.service"]
    if "EnvironmentFile=/etc/churnstream.env" not in unit or "/etc/churnstream.env" not in written:
        raise SystemExit("the unit does not read its settings")


def named_images(path: pathlib.Path):
    """Line, repository and version of each image of somebody else's that a file names."""
    stages = {"scratch"}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not (found := IMAGE.match(line)):
            continue
        image, stage = found.groups()
        own = image.startswith("$") or re.split("[:@]", image.rsplit("/", 1)[-1])[0].startswith("churnstream")
        if not own and image not in stages:
            repository, _, version = image.partition("@")[0].rpartition(":") if ":" in image.rsplit("/", 1)[-1] else (image, "", "none")
            yield number, repository, version
        stages.add(stage)


def check_versions() -> None:
    """Every image of somebody else's has the version that compose/versions.yaml gives it, and is given one there."""
    versions, faults, named = {}, [], 0
    for number, repository, version in named_images(pathlib.Path(VERSIONS)):
        line, first = versions.setdefault(repository, (number, version))
        if version != first:
            faults.append(f"{VERSIONS}:{number}: {repository} is {version} here and {first} in line {line}")
    files = [pathlib.Path("Dockerfile"), pathlib.Path("scripts/check-wiring/Containerfile")]
    for folder in ("compose", "k8s", "scripts", "terraform"):
        files += sorted(path for kind in ("*.yaml", "*.yml", "*.tftpl") for path in pathlib.Path(folder).rglob(kind))
    for path in files:
        for number, repository, version in named_images(path):
            named += str(path) != VERSIONS
            line, known = versions.get(repository, (0, "missing"))
            if version != known and str(path) != VERSIONS:
                where = f"{VERSIONS}:{line} has {known}" if line else f"{VERSIONS} does not name it"
                faults.append(f"{path}:{number}: {repository} is {version} here, and {where}")
    if faults:
        raise SystemExit("\n".join(faults))
    if not named:
        raise SystemExit("no file names an image any more: this check looks in the wrong places")
    print(f"{named} places name images of others, each with the version of {VERSIONS}")


def inline_dockerfiles(out: str) -> None:
    """For hadolint, which reads files."""
    services = yaml.safe_load(pathlib.Path(VERSIONS).read_text())["services"]
    for name, service in services.items():
        if text := service.get("build", {}).get("dockerfile_inline"):
            (pathlib.Path(out) / name).write_text(text)


def main() -> None:
    """Dispatches on the first argument."""
    match sys.argv[1:]:
        case ["schemas", out, *crds]:
            core_schemas(pathlib.Path(out) / "core")
            for crd in crds:
                crd_schemas(pathlib.Path(out) / "crd", crd)
        case ["environments", program, manifest]:
            check_environments(program, manifest)
        case ["cloud-init", out]:
            check_cloud_init(out)
        case ["versions"]:
            check_versions()
        case ["inline", out]:
            inline_dockerfiles(out)
        case _:
            raise SystemExit(__doc__)


main()
