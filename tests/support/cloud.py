"""The parts of AWS that hand out keys, on this machine: STS, SSO, and the metadata of instances and containers.

What is given depends on what was asked, and on nothing else: two that ask for the same are given the same. It answers
in threads, so that what blocks an event loop does not block it.
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
#: One that nobody may assume.
CLOSED_ROLE = "arn:aws:iam::444455556666:role/Closed"
SSO_TOKEN = "sso-access-" + "Token0123456789" * 5
REFRESHED_SSO_TOKEN = "sso-renewed-" + "Token0123456789" * 5
CONTAINER_TOKEN = "container-" + "Authorization0123456789" * 3
IMDS_TOKEN = "imds-" + "SessionOfMetadata0123456789" * 2


@frozen
class Asked:
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
    """What has been asked, and how to find it.

    Attributes:
        url: where it is.
        asked: all requests, the oldest first.
        expires_at: when everything stops working that is given.
        given: all secrets that were given.
        silent: where to accept requests and to say nothing, as long as this is set; paths.
        ended: lets those that wait in silence go.
    """

    url: str = ""
    asked: list[Asked] = field(factory=list)
    expires_at: datetime = field(
        factory=lambda: datetime.fromtimestamp(int(time.time()), UTC) + timedelta(hours=1),
    )
    given: dict[str, str] = field(factory=dict)
    silent: set[str] = field(factory=set)
    ended: Event = field(factory=Event)

    def keys(self, kind: str, *parts: str) -> dict[str, str]:
        """Make keys of what was asked; the id begins with what they are."""
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        keys = {"id": f"{kind}-{digest[:12]}", "secret": digest[:40], "token": f"{digest}{digest[::-1]}"}
        self.given |= {f"{keys['id']}'s secret": keys["secret"], f"{keys['id']}'s token": keys["token"]}
        return keys

    def answer(self, asked: Asked) -> tuple[int, str]:
        """Give the status and the body of an answer."""
        if asked.path.startswith("/latest/"):
            return self._instance(asked)
        if asked.path.startswith("/container"):
            return self._container(asked)
        if asked.path == "/federation/credentials":
            return self._sso(asked)
        if asked.path == "/token":
            return 200, json.dumps(
                {"accessToken": REFRESHED_SSO_TOKEN, "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": "next"}
            )
        return self._sts(asked)

    def _instance(self, asked: Asked) -> tuple[int, str]:
        if (asked.method, asked.path) == ("PUT", "/latest/api/token"):
            return 200, IMDS_TOKEN
        if asked.headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
            return 401, ""
        if asked.path.endswith("/security-credentials/"):
            return 200, "the-role"
        return 200, self._metadata("imds", asked.path)

    def _container(self, asked: Asked) -> tuple[int, str]:
        if asked.headers.get("authorization") != CONTAINER_TOKEN:
            return 403, "who are you?"
        return 200, "{}" if asked.path == "/container-without-keys" else self._metadata("container", asked.path)

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

    def _sso(self, asked: Asked) -> tuple[int, str]:
        token = asked.headers.get("x-amz-sso_bearer_token", "")
        if token not in (SSO_TOKEN, REFRESHED_SSO_TOKEN):
            return 401, json.dumps({"__type": "UnauthorizedException", "message": "Session token not found or invalid"})
        keys = self.keys("sso", asked.values["role_name"], asked.values["account_id"], token)
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

    def _sts(self, asked: Asked) -> tuple[int, str]:
        values = {name: value for name, value in asked.values.items() if name != "RoleSessionName"}
        action = values["Action"]
        if values["RoleArn"] == CLOSED_ROLE:
            return 403, _xml(
                "ErrorResponse",
                "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: "
                "sts:AssumeRole</Message></Error><RequestId>a-request</RequestId>",
            )
        kind = "web" if action == "AssumeRoleWithWebIdentity" else "role"
        keys = self.keys(kind, asked.key_id, json.dumps(values, sort_keys=True))
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
    # Those who hang up early are part of the plan.
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
        asked = Asked(self.command, parts.path, values, {name.lower(): value for name, value in self.headers.items()})
        cloud.asked.append(asked)
        if asked.path in cloud.silent:
            cloud.ended.wait()
        status, text = cloud.answer(asked)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_PUT = do_GET  # noqa: N815 - the base class looks them up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@contextmanager
def running() -> Iterator[Cloud]:
    """Listen on a port of this machine."""
    server = _Server(("127.0.0.1", 0), _Handler)
    cloud = server.cloud = Cloud(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        cloud.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
