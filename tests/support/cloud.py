"""A fake of the parts of AWS that return keys: STS, SSO, and the metadata of instances and containers.

The keys in a response depend on the request only: equal requests get equal keys. It runs in threads, so that it works
while the event loop is blocked.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from attrs import define, field, frozen

ROLE = "arn:aws:iam::444455556666:role/Audit"
#: A role that cannot be assumed.
CLOSED_ROLE = "arn:aws:iam::444455556666:role/Closed"
SSO_TOKEN = "sso-access-" + "Token0123456789" * 5
REFRESHED_SSO_TOKEN = "sso-renewed-" + "Token0123456789" * 5
CONTAINER_TOKEN = "container-" + "Authorization0123456789" * 3
IMDS_TOKEN = "imds-" + "SessionOfMetadata0123456789" * 2


@frozen
class CloudRequest:
    """A request.

    Attributes:
        method: such as `POST`.
        path: without the query.
        values: of the query or the form, the last of each name.
        headers: by lower-case name.
    """

    method: str
    path: str
    values: dict[str, str]
    headers: dict[str, str]

    @property
    def key_id(self) -> str:
        """The access key that signed it; empty for none."""
        match = re.search("Credential=([^/]+)/", self.headers.get("authorization", ""))
        return match[1] if match else ""

    @property
    def region(self) -> str:
        """The region that it was signed for."""
        return self.headers.get("authorization", "").partition("Credential=")[2].split("/")[2]


@define(eq=False)
class Cloud:
    """The state of the fake cloud.

    Attributes:
        url: its URL.
        requests: all requests, the oldest first.
        expires_at: the expiry of all keys.
        secrets: all secrets that were returned.
        hanging_paths: the paths whose requests get no response before `release`.
        release: lets hanging requests end.
    """

    url: str = ""
    requests: list[CloudRequest] = field(factory=list)
    expires_at: datetime = field(
        factory=lambda: datetime.fromtimestamp(int(time.time()), UTC) + timedelta(hours=1),
    )
    secrets: dict[str, str] = field(factory=dict)
    hanging_paths: set[str] = field(factory=set)
    release: Event = field(factory=Event)

    def keys(self, kind: str, *parts: str) -> dict[str, str]:
        """Make keys from the parts of a request; the id begins with their kind."""
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        keys = {"id": f"{kind}-{digest[:12]}", "secret": digest[:40], "token": f"{digest}{digest[::-1]}"}
        self.secrets |= {f"{keys['id']}'s secret": keys["secret"], f"{keys['id']}'s token": keys["token"]}
        return keys

    def respond(self, request: CloudRequest) -> tuple[int, str]:
        """Return the status and the body of a response."""
        if request.path.startswith("/latest/"):
            return self._instance(request)
        if request.path.startswith("/container"):
            return self._container(request)
        if request.path == "/federation/credentials":
            return self._sso(request)
        if request.path == "/token":
            return 200, json.dumps(
                {"accessToken": REFRESHED_SSO_TOKEN, "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": "next"}
            )
        return self._sts(request)

    def _instance(self, request: CloudRequest) -> tuple[int, str]:
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            return 200, IMDS_TOKEN
        if request.headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
            return 401, ""
        if request.path.endswith("/security-credentials/"):
            return 200, "the-role"
        return 200, self._metadata("imds", request.path)

    def _container(self, request: CloudRequest) -> tuple[int, str]:
        if request.headers.get("authorization") != CONTAINER_TOKEN:
            return 403, "invalid token"
        return 200, "{}" if request.path == "/container-without-keys" else self._metadata("container", request.path)

    def _metadata(self, kind: str, path: str) -> str:
        keys = self.keys(kind, path)
        return json.dumps(
            {
                "Code": "Success",
                "AccessKeyId": keys["id"],
                "SecretAccessKey": keys["secret"],
                "Token": keys["token"],
                "Expiration": f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    def _sso(self, request: CloudRequest) -> tuple[int, str]:
        token = request.headers.get("x-amz-sso_bearer_token", "")
        if token not in (SSO_TOKEN, REFRESHED_SSO_TOKEN):
            return 401, json.dumps({"__type": "UnauthorizedException", "message": "Session token not found or invalid"})
        keys = self.keys("sso", request.values["role_name"], request.values["account_id"], token)
        return 200, json.dumps(
            {
                "roleCredentials": {
                    "accessKeyId": keys["id"],
                    "secretAccessKey": keys["secret"],
                    "sessionToken": keys["token"],
                    "expiration": int(self.expires_at.timestamp() * 1000),
                }
            }
        )

    def _sts(self, request: CloudRequest) -> tuple[int, str]:
        values = {name: value for name, value in request.values.items() if name != "RoleSessionName"}
        action = values["Action"]
        if values["RoleArn"] == CLOSED_ROLE:
            return 403, _xml(
                "ErrorResponse",
                "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: "
                "sts:AssumeRole</Message></Error><RequestId>a-request</RequestId>",
            )
        kind = "web" if action == "AssumeRoleWithWebIdentity" else "role"
        keys = self.keys(kind, request.key_id, json.dumps(values, sort_keys=True))
        return 200, _xml(
            f"{action}Response",
            f"<{action}Result><Credentials><AccessKeyId>{keys['id']}</AccessKeyId><SecretAccessKey>{keys['secret']}"
            f"</SecretAccessKey><SessionToken>{keys['token']}</SessionToken><Expiration>"
            f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials></{action}Result>",
        )


def _xml(name: str, content: str) -> str:
    return f'<{name} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{content}</{name}>'


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Clients may disconnect early.
    block_on_close = False
    cloud: Cloud

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        cloud = cast("_Server", self.server).cloud
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        sent = body if "form" in self.headers.get("content-type", "") else parts.query
        values = {name: values[-1] for name, values in parse_qs(sent, keep_blank_values=True).items()}
        request = CloudRequest(
            self.command, parts.path, values, {name.lower(): value for name, value in self.headers.items()}
        )
        cloud.requests.append(request)
        if request.path in cloud.hanging_paths:
            cloud.release.wait()
        status, text = cloud.respond(request)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_PUT = do_GET  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the base class
        pass


@contextmanager
def running() -> Iterator[Cloud]:
    """Run the fake cloud on a local port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    cloud = server.cloud = Cloud(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        cloud.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
