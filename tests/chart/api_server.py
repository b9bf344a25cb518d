"""A real Kubernetes API server over a real etcd: no nodes and no controllers, but what accepts or refuses objects."""

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.process import free_port, serving
from harness.programs import GoProgram

PROGRAM = GoProgram("kube-apiserver", "v1.31.4", "k8s.io/kubernetes/cmd/kube-apiserver")
TOKEN = "of-this-run-and-on-loopback"


def build() -> None:
    """Build it, which `go install` refuses to: its module takes the others of Kubernetes from folders beside it.

    Those are published as modules, too, so they are named instead. Minutes, and more than a gigabyte of modules.
    """
    if PROGRAM.path.exists():
        return
    print(f"go build {PROGRAM.package}@{PROGRAM.version}", flush=True)
    told = json.loads(_go("mod", "download", "-json", f"k8s.io/kubernetes@{PROGRAM.version}"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kubernetes")
        shutil.copytree(told["Dir"], source, copy_function=shutil.copyfile)
        subprocess.run(["chmod", "-R", "u+w", str(source)], check=True)
        module = json.loads(_go("mod", "edit", "-json", cwd=source))
        edits = []
        for replaced in (each["Old"]["Path"] for each in module["Replace"]):
            edits += [f"-dropreplace={replaced}", f"-require={replaced}@{PROGRAM.version.replace('v1.', 'v0.')}"]
        _go("mod", "edit", *edits, cwd=source)
        version = f"-X k8s.io/component-base/version.gitVersion={PROGRAM.version}"
        _go("build", "-ldflags", f"-s -w {version}", "-o", "kube-apiserver", "./cmd/kube-apiserver", cwd=source)
        PROGRAM.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = PROGRAM.path.with_suffix(".unfinished")
        shutil.copy(source / "kube-apiserver", unfinished)
        unfinished.replace(PROGRAM.path)


def _go(*command: str, cwd: Path | None = None) -> str:
    settings = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath", "GOWORK": "off"}
    return subprocess.run(["go", *command], cwd=cwd, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says to a request."""

    status: int
    body: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One that runs."""

    url: str
    certificate: Path

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        """One request, as somebody who may do everything."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310
                return Answer(answer.status, json.load(answer), answer.headers.get_all("Warning", []))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error), error.headers.get_all("Warning", []))

    def apply(self, wanted: dict[str, Any], space: str) -> Answer:
        """Apply an object to a namespace, as `kubectl apply --server-side --validate=strict` does."""
        group, name = wanted["apiVersion"], wanted["metadata"]["name"]
        root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        plural = wanted["kind"].lower() + "s"
        plural = plural.replace("policys", "policies")
        place = f"{root}/namespaces/{space}/{plural}/{name}"
        said = "?fieldManager=chart&fieldValidation=Strict&force=true"
        return self.ask("PATCH", place + said, wanted, "application/apply-patch+yaml")

    def make_namespace(self, name: str) -> str:
        """A namespace, where whoever makes pods that the *restricted* standard does not admit is told so."""
        labels = {"pod-security.kubernetes.io/warn": "restricted"}
        wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        answer = self.ask("POST", "/api/v1/namespaces", wanted)
        assert answer.status == 201, answer.body
        return name

    def kubeconfig(self, file: Path) -> Path:
        """For helm."""
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        file.write_text(json.dumps(config))
        return file


@contextlib.contextmanager
def running(etcd: str, folder: Path) -> Iterator[ApiServer]:
    """It, while the block runs."""
    peers, clients, port = free_port(), free_port(), free_port()
    store = folder / "etcd"
    store.mkdir()
    database = [etcd, "--data-dir", str(store), "--unsafe-no-fsync"]
    database += [
        f"--listen-client-urls=http://127.0.0.1:{clients}",
        f"--advertise-client-urls=http://127.0.0.1:{clients}",
    ]
    database += [
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
    ]
    database += [f"--initial-cluster=default=http://127.0.0.1:{peers}"]
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    users = folder / "users.csv"
    users.write_text(f"{TOKEN},admin,1,system:masters\n")
    home = folder / "api"
    home.mkdir()
    server = ApiServer(f"https://127.0.0.1:{port}", home / "apiserver.crt")
    command = [str(PROGRAM.path), f"--etcd-servers=http://127.0.0.1:{clients}", f"--secure-port={port}"]
    command += ["--bind-address=127.0.0.1", f"--cert-dir={home}", f"--token-auth-file={users}"]
    command += ["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.0.0.0/24"]
    command += [f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"]
    with (
        serving(database, store, lambda: _answers(f"http://127.0.0.1:{clients}/health")),
        serving(command, home, lambda: _ready(server)),
    ):
        yield server


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return True
    except OSError:
        return False


def _ready(server: ApiServer) -> bool:
    try:
        return server.ask("GET", "/api/v1/namespaces/default").status == 200
    except OSError:
        return False


if __name__ == "__main__":
    build()
