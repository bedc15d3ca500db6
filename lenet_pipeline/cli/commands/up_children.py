"""The programs that ``lenet up`` runs, and the servers that it finds running elsewhere."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import mask_url
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Child, answers, describe_os_error, has_logged

# Documents may be confidential, so telemetry is off unless the environment turns it on.
_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}
_LENET = (sys.executable, "-m", "lenet_pipeline.cli")
_SERVED = "deployments are being served"  # Prefect prints it once the server knows the deployments


@dataclass(frozen=True)
class Addresses:
    """The host and the ports to listen on."""

    host: str
    prefect_port: int
    review_port: int
    mlflow_port: int

    def url(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"


def children_of(settings: Settings, addresses: Addresses) -> list[Child]:
    """Define the children of a home.

    Raises:
        PipelineError: the host is not a loopback address, or a port is in use.
    """
    _require_loopback(addresses.host)
    elsewhere = servers_elsewhere(settings)
    common = _environment(settings)
    children = []
    if "prefect" not in elsewhere:
        children.append(_prefect(settings, addresses, common))
    if "mlflow" not in elsewhere:
        children.append(_mlflow(settings, addresses, common))
    review = _review(addresses, common)
    children.append(review)
    api = elsewhere.get("prefect") or f"{addresses.url(addresses.prefect_port)}/api"
    children.append(
        Child(
            "deployments",
            (*_LENET, "serve"),
            # Next to the servers, a second thread of torch slows training down tenfold: the two wait for
            # each other all the time.
            {"LENET_BASE_URL": review.address, "OMP_NUM_THREADS": "1", **common, "PREFECT_API_URL": api},
            f"scheduled jobs, registered at {mask_url(api)}",
            has_logged(_SERVED),
            after=tuple({"prefect"} - elsewhere.keys()),
        )
    )
    return children


def servers_elsewhere(settings: Settings) -> dict[str, str]:
    """Return the servers that the environment names, by their kind: prefect, mlflow."""
    found = {"prefect": os.environ.get("PREFECT_API_URL"), "mlflow": settings.mlflow_uri}
    return {name: url for name, url in found.items() if url}


def has_people(settings: Settings) -> bool:
    """Tell whether a person can sign in on the verification pages.

    Another process reads the database, so that this one stays small.
    """
    if not settings.warehouse.path.exists():
        return False
    command = (*_LENET, "review", "people", "--format", "json")
    answer = subprocess.run(command, env=_environment(settings), capture_output=True, text=True)  # noqa: S603
    if answer.returncode:
        return True  # unknown; the log of the pages will say what is wrong
    return any(not person["is_revoked"] for person in json.loads(answer.stdout))


def _prefect(settings: Settings, addresses: Addresses, common: dict[str, str]) -> Child:
    port = _free(addresses, addresses.prefect_port, "--prefect-port")
    url = addresses.url(port)
    command = ("-m", "prefect", "server", "start", "--host", addresses.host, "--port", str(port))
    environment = {
        **common,
        "PREFECT_HOME": str(settings.home / "prefect"),  # a profile there could name another server
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{settings.home / 'prefect.db'}",
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_UI_API_URL": f"{url}/api",  # otherwise the pages ask port 4200
        # Other web pages in a browser on this machine must not use the server.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{url},http://localhost:{port}",
        # A server that is killed keeps its leases, so that runs that hold one continue.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # How long a run that was killed before it began keeps its place; Prefect's default is 300 s.
        "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "120",
        # Prefect copies its pages there; its default is the folder of the package, which may be read-only.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.home / "prefect" / "ui"),
    }
    return Child("prefect", (sys.executable, *command), environment, url, answers(f"{url}/api/health"))


def _mlflow(settings: Settings, addresses: Addresses, common: dict[str, str]) -> Child:
    port = _free(addresses, addresses.mlflow_port, "--mlflow-port")
    url = addresses.url(port)
    store = ("--backend-store-uri", f"sqlite:///{settings.home / 'mlflow.db'}")
    artifacts = ("--artifacts-destination", str(settings.home / "mlartifacts"))
    listen = ("--host", addresses.host, "--port", str(port), "--workers", "1")
    return Child(
        "mlflow",
        (sys.executable, "-m", "mlflow", "server", *store, *artifacts, *listen),
        {**common, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # jobs of language models
        url,
        answers(f"{url}/health"),
    )


def _review(addresses: Addresses, common: dict[str, str]) -> Child:
    port = _free(addresses, addresses.review_port, "--review-port")
    url = addresses.url(port)
    listen = ("--host", addresses.host, "--port", str(port), "--allow-empty")
    return Child("review", (*_LENET, "review", "serve", *listen), common, url, answers(f"{url}/sign-in"))


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment of all children: this home and actor, and no proxy for loopback addresses."""
    no_proxy = {
        name: ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost", "::1"]))
        for name in ("NO_PROXY", "no_proxy")
    }
    own = {"LENET_HOME": str(settings.home), "LENET_ACTOR": settings.actor, "PYTHONUNBUFFERED": "1"}
    return {**_DEFAULTS, **os.environ, **own, **no_proxy}


def _require_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise PipelineError(
            f"--host {host} is not a loopback address, such as 127.0.0.1. The pages of Prefect and MLflow "
            "have no sign-in: put a proxy that asks for one in front of them"
        )


def _free(addresses: Addresses, port: int, option: str) -> int:
    """Return the port if it is free.

    Raises:
        PipelineError: a program listens on it, or the address does not exist.
    """
    try:
        found = socket.getaddrinfo(addresses.host, port, type=socket.SOCK_STREAM)
        socket.create_server((addresses.host, port), family=found[0][0]).close()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            cause = f"the port is in use; choose another one with {option}"
        else:
            cause = describe_os_error(exc)
        raise PipelineError(f"cannot listen on {addresses.host}, port {port}: {cause}") from exc
    return port
