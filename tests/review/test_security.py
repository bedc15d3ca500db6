"""Attacks on the server: each gets its status, and changes nothing."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lenet_pipeline.errors import DatabaseBusyError, PipelineError, ReviewError
from lenet_pipeline.review import ServerOptions, invite, revoke
from lenet_pipeline.review.context import json_of
from lenet_pipeline.review.pages import STATIC
from lenet_pipeline.review.security import session_cookie
from lenet_pipeline.review.server import ROUTES
from lenet_pipeline.settings import Settings, read_settings
from tests.review.conftest import StartServer
from tests.review.servers import Running, hidden_fields, meta_token, running_server, sign_in

SAVED = {"saved": True}


class Saving:
    """An endpoint that changes something, next to a page that takes an id and pages that fail."""

    def __init__(self) -> None:
        self.saved: list[object] = []
        self.routes = [
            *ROUTES,
            Route("/api/save", self.save, methods=["POST"]),
            Route("/fields/{field_id:uuid}", self.show),
            Route("/busy", self.fail_busy),
            Route("/api/busy", self.fail_busy),
            Route("/api/conflict", self.fail_conflict),
            Route("/broken", self.fail_unexpectedly),
        ]

    def save(self, request: Request) -> Response:
        self.saved.append(json_of(request))
        return JSONResponse(SAVED)

    def show(self, request: Request) -> Response:
        return JSONResponse({"field_id": str(request.path_params["field_id"])})

    def fail_busy(self, request: Request) -> Response:
        raise DatabaseBusyError("the database is in use by process 12")

    def fail_conflict(self, request: Request) -> Response:
        raise ReviewError("Grace has this field")

    def fail_unexpectedly(self, request: Request) -> Response:
        raise ZeroDivisionError("secret")


@pytest.fixture(scope="module")
def endpoints() -> Saving:
    return Saving()


@pytest.fixture(scope="module")
def shared(
    migrated_once: Path, tmp_path_factory: pytest.TempPathFactory, endpoints: Saving
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    shutil.copytree(migrated_once, home)
    with running_server(read_settings(home, "tester"), routes=endpoints.routes) as running:
        yield running


@pytest.fixture
def saving(endpoints: Saving) -> Saving:
    endpoints.saved.clear()
    return endpoints


@pytest.fixture
def target(shared: Running) -> Running:
    """A server that all tests of this module share, without sessions and failed sign-ins."""
    shared.context.sessions._sessions.clear()
    shared.context.failed_sign_ins._times.clear()
    return shared


def test_without_a_session_pages_lead_to_the_sign_in_and_endpoints_answer_401(
    target: Running, saving: Saving
) -> None:
    with target.client() as client:
        for path in ("/", "/progress", "/unknown", f"/fields/{uuid4()}"):
            done = client.get(path)
            assert (done.status_code, done.headers["location"].split("?")[0]) == (303, "/sign-in")
        for cookie in ("", "x", "../../etc/passwd", "x" * 4000):
            client.cookies.set(session_cookie(target.context.options), cookie)
            done = client.post("/api/save", json={"verdict": "7"})
            assert done.status_code == 401
            assert done.json()["error"].startswith("You are signed out")
    assert saving.saved == []


def test_reports_are_for_people_who_signed_in_and_run_no_scripts(target: Running) -> None:
    run = uuid4()
    report = target.settings.plots / f"report-{run}.html"
    report.parent.mkdir(exist_ok=True)
    report.write_text("<script>alert(1)</script>")
    (report.parent / "report-secret.html").write_text("secret")
    path = f"/reports/{report.name}"
    with target.client() as client:
        assert client.get(path).status_code == 303
    with target.signed_in("Ada") as client:
        found = client.get(path)
        assert (found.status_code, found.text) == (200, "<script>alert(1)</script>")
        assert found.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert found.headers["x-frame-options"] == "DENY"
        for name in ("report-secret.html", f"report-{uuid4()}.html", "..%2Faudit.duckdb", f"{report.name}/"):
            assert client.get(f"/reports/{name}").status_code == 404


def test_a_token_with_its_own_name_signs_in_and_out(target: Running, saving: Saving) -> None:
    with target.signed_in("Ada") as client:
        assert client.post("/api/save", json={"verdict": "7"}).json() == SAVED
        page = client.get("/").text
        assert ">Ada<" in page
        assert client.get("/sign-in").headers["location"] == "/"
        cookie = dict(client.cookies)
        assert client.post("/sign-out", data=hidden_fields(page)).status_code == 303
        client.cookies.update(cookie)
        assert client.get("/").status_code == 303, "the session ends on the server, not only in the browser"
    assert saving.saved == [{"verdict": "7"}]


@pytest.mark.parametrize("name", ["Grace", "ada", "", "Ada\x00", "Ada' or 1=1 --"])
def test_token_with_another_name_is_refused(target: Running, name: str) -> None:
    token = invite(target.settings, "Ada").token
    invite(target.settings, "Grace")
    with target.client() as client:
        done = sign_in(client, name, token)
        assert done.status_code == 401
        assert "do not belong together" in done.text
        assert session_cookie(target.context.options) not in client.cookies


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "' or ''='", "\ud800".encode("utf-8", "replace")])
def test_wrong_token_is_refused(target: Running, token: str) -> None:
    invite(target.settings, "Ada")
    with target.client() as client:
        assert sign_in(client, "Ada", token).status_code == 401


def test_revoked_token_is_refused_and_its_sessions_end(target: Running, saving: Saving) -> None:
    token = invite(target.settings, "Edith").token
    with target.client() as client:
        assert sign_in(client, " Edith ", token).status_code == 303
        client.headers["X-CSRF-Token"] = meta_token(client.get("/").text)
        assert revoke(target.settings, "Edith") == 1
        (session,) = target.context.sessions._sessions.values()
        session.checked_s -= 11  # as if the last check of the token was 11 seconds ago
        assert client.post("/api/save", json={}).status_code == 401
        client.headers.pop("X-CSRF-Token")
        assert sign_in(client, "Edith", token).status_code == 401
    assert saving.saved == []


def test_session_expires_after_twelve_hours_without_a_request(target: Running) -> None:
    with target.signed_in() as client:
        (session,) = target.context.sessions._sessions.values()
        session.used_s -= 12 * 3600 - 60
        assert client.get("/").status_code == 200
        session.used_s -= 12 * 3600 + 1
        assert client.get("/").status_code == 303
        assert not target.context.sessions._sessions


def test_sign_in_changes_the_session(target: Running) -> None:
    """An attacker who planted a session id in the browser does not know the one after the sign-in."""
    name = session_cookie(target.context.options)
    token = invite(target.settings, "Ada").token
    with target.client() as client:
        client.cookies.set(name, "planted", domain="127.0.0.1", path="/")
        sign_in(client, "Ada", token)
        assert client.cookies[name] != "planted"


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(
    empty: Settings, review_server: StartServer
) -> None:
    token = invite(empty, "Ada").token
    plain, proxied = (review_server(empty, ServerOptions(port=0, is_https=https)) for https in (False, True))
    with plain.client() as client:
        for done in (client.get("/sign-in"), sign_in(client, "Ada", token)):
            for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
                assert flag in done.headers["set-cookie"]
            assert "Secure" not in done.headers["set-cookie"]
    with proxied.client() as client:
        assert "Secure" in client.get("/sign-in").headers["set-cookie"]


@pytest.mark.parametrize("header", [None, "", "wrong", "é"])
def test_forged_request_without_the_csrf_token_is_refused(
    target: Running, saving: Saving, header: str | None
) -> None:
    with target.signed_in() as client, target.signed_in("Grace") as other:
        mine = client.headers.pop("X-CSRF-Token")
        headers = {} if header is None else {"X-CSRF-Token": header.encode()}
        assert client.post("/api/save", json={}, headers=headers).status_code == 403
        assert client.post("/sign-out", data={"csrf_token": "wrong"}).status_code == 403
        assert client.put("/api/save", json={}, headers=headers).status_code == 403
        assert other.post("/api/save", json={}, headers={"X-CSRF-Token": mine}).status_code == 403
        assert client.get("/").status_code == 200
    assert saving.saved == []


def test_sign_in_form_of_another_page_is_refused(target: Running) -> None:
    token = invite(target.settings, "Ada").token
    with target.client() as client:
        form = {"name": "Ada", "token": token}
        assert client.post("/sign-in", data={**form, "csrf_token": ""}).status_code == 403
        hidden = hidden_fields(client.get("/sign-in").text)
        client.cookies.clear()
        assert client.post("/sign-in", data={**form, **hidden}).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_request_of_another_origin_is_refused(target: Running, saving: Saving, origin: str) -> None:
    with target.signed_in() as client:
        assert client.post("/api/save", json={}, headers={"Origin": origin}).status_code == 403
        client.headers.pop("Origin")
        assert client.post("/api/save", json={}).status_code == 403
    assert saving.saved == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "localhost", ""])
def test_request_for_another_host_is_refused(target: Running, saving: Saving, host: str) -> None:
    named = host.format(port=target.address[1])
    with target.signed_in() as client:
        headers = {"Host": named, "Origin": f"http://{named}"}
        assert client.get("/", headers=headers).status_code == 403
        assert client.post("/api/save", json={}, headers=headers).status_code == 403
    assert saving.saved == []


def test_hosts_are_the_address_localhost_and_names_that_were_allowed(
    empty: Settings, review_server: StartServer
) -> None:
    server = review_server(empty, ServerOptions(port=0, allowed_hosts=("Review.Example.org",), is_https=True))
    token = invite(empty, "Ada").token
    port = server.address[1]
    with server.client() as client:
        for host in (
            f"localhost:{port}",
            f"127.0.0.1:{port}",
            "review.example.org",
            "REVIEW.example.org:443",
        ):
            assert client.get("/sign-in", headers={"Host": host}).status_code == 200, host
        host = "review.example.org"
        form = client.get("/sign-in", headers={"Host": host})
        cookie = form.headers["set-cookie"].partition(";")[0]
        for scheme, status in (("http", 403), ("https", 303)):
            headers = {"Host": host, "Origin": f"{scheme}://{host}", "Cookie": cookie}
            fields = {"name": "Ada", "token": token, **hidden_fields(form.text)}
            assert client.post("/sign-in", data=fields, headers=headers).status_code == status


def test_failed_sign_ins_are_limited_but_sessions_continue(
    empty: Settings, review_server: StartServer
) -> None:
    server = review_server(
        empty, ServerOptions(port=0, failed_sign_ins_per_minute=3, failed_sign_in_delay_s=0)
    )
    with server.signed_in("Ada") as signed_in, server.client() as client:
        token = invite(empty, "Grace").token
        assert [sign_in(client, "Grace", "wrong").status_code for _ in range(4)] == [401, 401, 401, 429]
        refused = sign_in(client, "Grace", token)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert signed_in.get("/").status_code == 200
        for times in server.context.failed_sign_ins._times.values():
            times.extend(times.popleft() - 61 for _ in range(len(times)))  # as if a minute had passed
        assert sign_in(client, "Grace", token).status_code == 303


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/fields/kept", "/fields/kept"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_only_to_pages_of_this_server(target: Running, path: str, expected: str) -> None:
    token = invite(target.settings, "Ada").token
    with target.client() as client:
        done = sign_in(client, "Ada", token, next=path)
        assert done.headers["location"] == expected
        assert "a" not in client.cookies


def test_script_in_a_name_is_text(target: Running) -> None:
    name = "<script>alert(1)</script>\"'>"
    with target.signed_in(name) as client, target.client() as stranger:
        page = client.get("/").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        form = sign_in(stranger, name, "wrong", next='/"><script>alert(1)</script>').text
        assert "<script>alert" not in form
        assert "&#34;&gt;&lt;script" in form


@pytest.mark.parametrize(
    "path",
    [
        "/fields/..",
        "/fields/../",
        "/fields/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/fields/7",
        "/fields/" + "a" * 30_000,
        "/fields/" + "' or 1=1 --",
        f"/fields/{UUID(int=7)}%00",
        f"/fields/{UUID(int=7)}/../..",
        "/unknown",
    ],
)
def test_path_that_is_no_id_is_404(target: Running, path: str) -> None:
    with target.signed_in() as client:
        status, text = send_raw(target, f"GET {path.replace(' ', '%20')}", cookie_of(client))
        assert status == 404
        assert "does not exist" in text
        assert "root:" not in text


def test_path_with_an_id_reaches_its_page(target: Running) -> None:
    field_id = str(uuid4())
    with target.signed_in() as client:
        assert client.get(f"/fields/{field_id}").json() == {"field_id": field_id}


def test_endless_address_is_refused(target: Running) -> None:
    status, _ = send_raw(target, "GET /" + "a" * 200_000, "")
    assert status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/%2e%2e%2fpages.py",
        "/static/..%5cpages.py",
        "/static//etc/passwd",
        "/static/",
        "/static/unknown.js",
    ],
)
def test_static_files_are_only_those_of_the_folder(target: Running, path: str) -> None:
    status, text = send_raw(target, f"GET {path}", "")
    assert status == 404
    assert "import" not in text


def test_static_files_are_served_without_a_session(target: Running) -> None:
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    with target.client() as client:
        files = sorted(STATIC.iterdir())
        assert {"style.css", "keys.js", "api.js"} <= {path.name for path in files}
        for path in files:
            done = client.get(f"/static/{path.name}")
            assert done.content == path.read_bytes()
            assert done.headers["content-type"].startswith(kinds[path.suffix])


def test_method_that_a_page_lacks_is_405(target: Running) -> None:
    with target.signed_in() as client:
        assert client.delete("/").status_code == 405
        assert client.get("/api/save").status_code == 405
        assert "allow" in client.get("/api/save").headers
        assert client.get("/api/unknown").json()["error"].startswith("This page does not exist")


def test_declared_gigabyte_is_refused_before_it_arrives(target: Running, saving: Saving) -> None:
    with target.signed_in() as client:
        extra = f"{cookie_of(client)}Content-Length: 1000000000\r\n"
        status, text = send_raw(target, "POST /api/save", extra)
        assert status == 413
        assert "larger than 1,048,576 bytes" in text
        assert client.get("/").status_code == 200
    assert saving.saved == []


@pytest.mark.parametrize("path", ["/api/save", "/sign-in"])
def test_endless_stream_is_refused_at_the_limit(target: Running, saving: Saving, path: str) -> None:
    sent = 0

    def stream():
        nonlocal sent
        while sent < 1_000_000_000:
            sent += 65_536
            yield bytes(65_536)

    with target.signed_in() as client:
        with suppress(httpx.TransportError):  # if the connection closes while the client is sending
            assert client.post(path, content=stream()).status_code == 413
        assert sent < 20_000_000
        assert client.get("/").status_code == 200
    assert saving.saved == []


def test_stream_above_the_limit_gets_413(target: Running, saving: Saving) -> None:
    with target.signed_in() as client:
        token = client.headers["X-CSRF-Token"]
        extra = f"{cookie_of(client)}X-CSRF-Token: {token}\r\nTransfer-Encoding: chunked\r\n"
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        status, _ = send_raw(target, "POST /api/save", extra, chunk * 16 + b"1\r\nx\r\n")
        assert status == 413
        status, _ = send_raw(target, "POST /api/save", extra, chunk * 16 + b"0\r\n\r\n")
        assert status == 415, "a body of exactly the limit is read"
    assert saving.saved == []


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000])
def test_body_that_is_no_object_is_400(target: Running, saving: Saving, body: bytes) -> None:
    with target.signed_in() as client:
        done = client.post("/api/save", content=body, headers={"Content-Type": "application/json"})
        assert done.status_code == 400
    assert saving.saved == []


@pytest.mark.parametrize("body", ["a=%ff", "&".join(f"a{i}=1" for i in range(101)), "é"])
def test_form_that_cannot_be_read_is_400(target: Running, body: str) -> None:
    with target.client() as client:
        client.get("/sign-in")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/sign-in", content=body.encode(), headers=headers).status_code == 400


def test_every_response_has_the_security_headers(target: Running) -> None:
    with target.signed_in() as client, target.client() as stranger:
        responses = [
            client.get("/"),
            client.get("/unknown"),
            client.get("/broken"),
            client.get("/static/style.css"),
            client.get("/", headers={"Host": "evil.example"}),
            stranger.get("/"),
            stranger.get("/sign-in"),
            stranger.post("/api/save"),
        ]
    assert [done.status_code for done in responses] == [200, 404, 500, 200, 403, 303, 200, 401]
    for done in responses:
        policy = done.headers["content-security-policy"]
        for part in ("default-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert done.headers["x-content-type-options"] == "nosniff"
        assert done.headers["referrer-policy"] == "same-origin"
        assert "server" not in done.headers
        is_static = done.url.path.startswith("/static/")
        assert done.headers["cache-control"] == ("no-cache" if is_static else "no-store")


def test_errors_are_one_line_and_never_a_traceback(target: Running, caplog: pytest.LogCaptureFixture) -> None:
    with target.signed_in() as client:
        busy = client.get("/busy")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        assert "in use by process 12" in busy.text
        assert client.get("/api/busy").json() == {"error": "the database is in use by process 12"}
        conflict = client.get("/api/conflict")
        assert (conflict.status_code, conflict.json()) == (409, {"error": "Grace has this field"})
        broken = client.get("/broken")
        assert broken.status_code == 500
        assert "secret" not in broken.text
        assert "Traceback" not in broken.text
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "GET '/broken': unexpected ZeroDivisionError: secret"
    assert not record.exc_info


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])  # noqa: S104
def test_only_loopback_addresses_need_no_flag(host: str) -> None:
    with pytest.raises(PipelineError, match="TLS in front"):
        ServerOptions(host).require_reachable()
    with pytest.raises(PipelineError, match="TLS in front"):
        ServerOptions(host, allowed_hosts=("example.org",)).require_reachable()
    ServerOptions(host, is_remote_allowed=True, allowed_hosts=("example.org",)).require_reachable()
    for loopback in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        ServerOptions(loopback).require_reachable()


def test_names_that_browsers_use_are_required_where_no_address_says_them() -> None:
    with pytest.raises(PipelineError, match="--allow-host NAME"):
        ServerOptions("0.0.0.0", is_remote_allowed=True).require_reachable()  # noqa: S104
    with pytest.raises(PipelineError, match="--https needs --allow-host NAME"):
        ServerOptions(is_https=True).require_reachable()
    proxied = ServerOptions(is_https=True, allowed_hosts=("review.example.org",))
    proxied.require_reachable()
    assert proxied.url == "https://review.example.org/"
    assert ServerOptions("::1", 80).url == "http://[::1]:80/"


def cookie_of(client: httpx.Client) -> str:
    """Return the Cookie header line of a client."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return f"Cookie: {cookies}\r\n"


def send_raw(server: Running, request: str, headers: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request as it is, without a client that tidies its path; return the status and the body."""
    host, port = server.address
    with socket.create_connection((host, port), timeout=10) as connection:
        head = f"{request} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {server.url}\r\n{headers}"
        with suppress(ConnectionError):  # the server may answer and close before it has everything
            connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
        answer = b""
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
    head_text, _, text = answer.decode(errors="replace").partition("\r\n\r\n")
    return int(head_text.split()[1]), text
