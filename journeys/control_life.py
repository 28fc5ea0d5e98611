"""A whole life of a deployment through a gRPC client that was generated from proto/modelway/v1, in a process of its own.

Usage: control_life.py GENERATED_FOLDER CONTROL_ADDRESS ADMIN_KEY GATEWAY_URL ARCHIVE PROJECT
Prints what it was told as JSON. Nothing of Modelway is imported: whoever has the .proto files can do this, in any language.
"""

import importlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 90.0
PIECE = 64 * 1024


class Life:
    """One client and what it was told."""

    def __init__(self, channel: Any, key: str, gateway: str, project: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {key}"), ("x-request-id", "a-whole-life"))
        self._gateway = gateway
        self._names = {"project": project, "model": "echo", "version": "v1"}
        self.told: dict[str, Any] = {}

    def call(self, service: str, file: str, method: str, request: Any) -> Any:
        """One call; a method of a stream gives its answers one by one."""
        stubs: Any = importlib.import_module(f"modelway.v1.{file}_pb2_grpc")
        stub = getattr(stubs, f"{service}Stub")(self._channel)
        return getattr(stub, method)(request, metadata=self._metadata, timeout=SECONDS)

    def upload(self, archive: Path) -> str:
        """Streams the archive in pieces."""
        octets: Any = importlib.import_module("google.api.httpbody_pb2").HttpBody

        def pieces() -> Iterator[Any]:
            with archive.open("rb") as file:
                while piece := file.read(PIECE):
                    yield octets(content_type="application/octet-stream", data=piece)

        found = self.call("Packages", "packages", "UploadPackage", pieces())
        self.told["package"] = [found.name, found.size == archive.stat().st_size]
        return found.digest

    def apply(self, digest: str) -> None:
        """Declares a deployment; its model has an implicit route."""
        messages: Any = importlib.import_module("modelway.v1.documents_pb2")
        names = ", ".join(f"{name}: {value}" for name, value in self._names.items())
        text = f"apiVersion: modelway/v1\nkind: Deployment\nmetadata: {{{names}}}\nspec: {{package: '{digest}', cluster: local}}\n"
        request = messages.ApplyRequest(files=[messages.DocumentFile(name="life.yaml", text=text)])
        answer = self.call("Documents", "documents", "Apply", request)
        self.told["applied"] = [[each.kind, each.action, each.revision] for each in answer.results]

    def watch(self, wanted: Callable[[Any], bool]) -> None:
        """Follows the changes of the project's deployments, until one is what is wanted."""
        messages: Any = importlib.import_module("modelway.v1.documents_pb2")
        request = messages.WatchDocumentsRequest(kind="Deployment", project=self._names["project"])
        changes = self.call("Documents", "documents", "WatchDocuments", request)
        for change in changes:
            if not change.up_to_date and wanted(change):
                changes.cancel()
                return
        raise SystemExit("the watch ended")

    def phases(self) -> None:
        """How its phases went."""
        messages: Any = importlib.import_module("modelway.v1.documents_pb2")
        request = messages.ListDeploymentPhasesRequest(**self._names)
        stream = self.call("Deployments", "documents", "WatchDeploymentPhases", request)
        for found in stream:
            states = {each.phase: each.state for each in found.items}
            if set(states.values()) <= {"Done", "Skipped"}:
                self.told["phases"] = states["ready"]
                stream.cancel()
                return

    def key(self) -> tuple[str, str]:
        """A key for callers: its id and its secret."""
        messages: Any = importlib.import_module("modelway.v1.keys_pb2")
        scopes = [f"{self._names['project']}/*"]
        made = self.call("Keys", "keys", "CreateKey", messages.CreateKeyRequest(name="life", scopes=scopes))
        self.told["key"] = [made.role, list(made.scopes), made.secret.startswith("mw_")]
        return made.id, made.secret

    def ask(self, secret: str) -> None:
        """One request to the model itself, at the gateway; a key is known there within a table's publishing."""
        url = f"{self._gateway}/{self._names['project']}/echo/v1/echo"
        headers = {
            "Authorization": f"Bearer {secret}",
            "Content-Type": "application/json",
            "X-Request-Id": "of-the-life",
        }
        request = urllib.request.Request(url, b'{"text": "hello"}', headers)
        messages: Any = importlib.import_module("modelway.v1.platform_pb2")
        for _ in range(1000):
            try:
                with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                    self.told["answer"] = json.loads(answer.read())["text"]
                    return
            except urllib.error.HTTPError as error:
                if error.code not in {401, 403}:
                    raise
                self.call("Platform", "platform", "GetStatus", messages.GetStatusRequest())
        raise SystemExit("the key opens nothing")

    def logs(self) -> None:
        """Follows the log until the request is in it."""
        messages: Any = importlib.import_module("modelway.v1.logs_pb2")
        request = messages.ReadLogsRequest(project=self._names["project"], request_id="of-the-life", follow=True)
        stream = self.call("Logs", "logs", "ReadLogs", request)
        record = next(record for record in stream if record["status"] == 200)
        self.told["log"] = [record["model"], record["endpoint"]]
        stream.cancel()
        feedback = messages.SendFeedbackRequest(request_id="of-the-life", reward=1.0, project=self._names["project"])
        self.told["feedback"] = self.call("Feedback", "logs", "SendFeedback", feedback).accepted

    def end(self, key_id: str) -> None:
        """Takes back the key and the deployment."""
        keys: Any = importlib.import_module("modelway.v1.keys_pb2")
        messages: Any = importlib.import_module("modelway.v1.documents_pb2")
        access: Any = importlib.import_module("modelway.v1.access_pb2")
        self.told["revoked"] = self.call("Keys", "keys", "RevokeKey", keys.RevokeKeyRequest(id=key_id)).revoked
        request = messages.DeleteDeploymentRequest(**self._names, expected_revision=1)
        self.told["deleted"] = self.call("Deployments", "documents", "DeleteDeployment", request).revision
        self.watch(lambda change: change.removed)
        log = self.call("AuditLog", "access", "ListAudit", access.ListAuditRequest(most=1000)).items
        mine = [each for each in log if each.actor.request_id == "a-whole-life"]
        self.told["audit"] = [[each.kind, each.action, each.actor.transport] for each in mine]


def main(arguments: list[str]) -> None:
    """From the upload to the deletion."""
    folder, control, key, gateway, archive, project = arguments
    sys.path.insert(0, folder)
    grpc: Any = importlib.import_module("grpc")
    with grpc.insecure_channel(control) as channel:
        life = Life(channel, key, gateway, project)
        life.apply(life.upload(Path(archive)))
        life.watch(lambda change: change.object["status"]["phase"] == "Ready")
        life.phases()
        key_id, secret = life.key()
        life.ask(secret)
        life.logs()
        life.end(key_id)
    sys.stdout.write(json.dumps(life.told))


if __name__ == "__main__":
    main(sys.argv[1:])
