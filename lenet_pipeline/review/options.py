"""How the server is reached, and its limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from lenet_pipeline.errors import PipelineError

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - refused unless the user allows it
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class ServerOptions:
    """The address of the server and its limits."""

    host: str = "127.0.0.1"
    port: int = 8765
    is_remote_allowed: bool = False
    allowed_hosts: tuple[str, ...] = ()  # names in the Host header, next to the address and localhost
    is_https: bool = False  # a proxy in front adds TLS
    body_limit_bytes: int = 1 << 20
    failed_sign_ins_per_minute: int = 10
    failed_sign_in_delay_s: float = 1.0

    @property
    def scheme(self) -> str:
        """The scheme that browsers use."""
        return "https" if self.is_https else "http"

    @property
    def url(self) -> str:
        """The address to open in a browser: behind a proxy the first allowed name, else this machine."""
        if self.is_https and self.allowed_hosts:
            return f"https://{self.allowed_hosts[0]}/"
        return f"http://{_in_url(self.host)}:{self.port}/"

    def require_reachable(self) -> None:
        """Refuse options under which other machines reach the server by accident, or no browser does.

        Raises:
            PipelineError: the host is not a loopback address, and ``is_remote_allowed`` is false; or the
                names that browsers use are missing.
        """
        if self.is_https and not self.allowed_hosts:
            raise PipelineError("--https needs --allow-host NAME: the name of the proxy in browsers")
        if not (self.is_remote_allowed or is_loopback(self.host)):
            raise PipelineError(
                f"{self.host} is not a loopback address, so other machines could read the documents and "
                "tokens on their way. Keep 127.0.0.1 and put a proxy with TLS in front (Caddy: "
                f"`reverse_proxy 127.0.0.1:{self.port}`), then start with --https --allow-host NAME. "
                "Otherwise, add --allow-remote"
            )
        if self.host in _EVERY_ADDRESS and not self.allowed_hosts:
            raise PipelineError(
                f"{self.host} stands for every address of this machine; add --allow-host NAME for the name "
                "or address that browsers use"
            )

    def allows_host(self, host: str) -> bool:
        """Tell whether a request's Host header names this server. This stops DNS rebinding."""
        host = host.lower()
        own = {f"{name}:{self.port}" for name in (*LOOPBACK_NAMES, _in_url(self.host).lower())}
        if host in own:
            return True
        name, _, port = host.rpartition(":")
        name = name if port.isdecimal() else host
        return name in {allowed.lower() for allowed in self.allowed_hosts}


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to an address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
