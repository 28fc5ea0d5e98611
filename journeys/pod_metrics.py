"""Plays the metrics server of a real Kubernetes: says how much CPU pods use, by the API that its autoscaler asks."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from journeys.kubernetes_cluster import KubernetesCluster

_SERVICE = "pod-metrics"


class PodMetrics:
    """One metrics server, for all pods of a cluster.

    Args:
        cluster: Whose.
    """

    def __init__(self, cluster: KubernetesCluster) -> None:
        self.millicores = 0
        self._cluster = cluster
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = json.dumps(metrics.answer(urlsplit(self.path).path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cluster.certificate, cluster.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def start(self) -> Self:
        """Answers, and has the API server pass questions on to it."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port = self._server.server_address[1]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port, "protocol": "TCP"}]},
        }
        passed_on = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {"name": _SERVICE, "namespace": "default", "port": port},
            },
        }
        self._cluster.ask("POST", "/api/v1/namespaces/default/services", service)
        self._cluster.ask("POST", "/apis/apiregistration.k8s.io/v1/apiservices", passed_on)
        return self

    def stop(self) -> None:
        """Answers no more."""
        self._cluster.ask("DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
        self._cluster.ask("DELETE", f"/api/v1/namespaces/default/services/{_SERVICE}")
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> dict[str, Any]:
        """What `GET path` gets: https://github.com/kubernetes/metrics, v1beta1."""
        version = "metrics.k8s.io/v1beta1"
        if not path.endswith("/pods"):
            resource = {"name": "pods", "kind": "PodMetrics", "namespaced": True, "verbs": ["get", "list"]}
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [resource]}
        namespace = path.split("/")[-2]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        usage = {"cpu": f"{self.millicores}m", "memory": "64Mi"}
        items = [
            {
                "metadata": {
                    "name": pod["metadata"]["name"],
                    "namespace": namespace,
                    "labels": pod["metadata"]["labels"],
                },
                "timestamp": now,
                "window": "10s",
                "containers": [{"name": pod["spec"]["containers"][0]["name"], "usage": usage}],
            }
            for pod in self._cluster.ask("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        ]
        return {"kind": "PodMetricsList", "apiVersion": version, "metadata": {}, "items": items}
