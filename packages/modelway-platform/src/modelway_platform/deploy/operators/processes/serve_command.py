"""The command line and environment of a model server on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.deploy.builder.environment import python_of
from modelway_platform.deploy.builder.preparation import unpacked_folder
from modelway_platform.deploy.operators.inference_log import INFERENCE_LOG_NAME
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.deploy.operators.records_way import TOKEN_VARIABLE, URL_VARIABLE, RecordsWay
from modelway_platform.deploy.operators.serve_options import serve_options

# A replica runs other people's code: it gets what a program needs to run here, and none of the platform's secrets.
_PASSED_ON = frozenset({"HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE"})
_PASSED_ON_PREFIXES = ("CUDA_", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_", "OTEL_")
_KEPT_BACK_ENDING = "HEADERS"  # of OTEL_EXPORTER_OTLP_…: what opens a receiver of traces


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeCommand:
    """Turns a spec into `python -m modelway.cli.main serve …` in the package's own environment.

    Args:
        packages: Holds the unpacked packages.
        environments: Holds the environments, by key.
        replicas: Holds a folder per replica, where its inference log goes.
        register_url: Where replicas register.
        register_token: What they register with; it opens nothing else.
        variables: The environment of the platform, of which a fixed list is passed on.
        host: The address that replicas bind, and are reached by.
        secrets: The values of a replica's secrets, by variable.
        records: How replicas send their inference records; None where the platform reads the folder they are in.
    """

    packages: Path
    environments: Path
    replicas: Path
    register_url: str
    register_token: str
    variables: Mapping[str, str]
    host: str = "127.0.0.1"
    secrets: Callable[[ReplicaSpec], Mapping[str, str]] = lambda _: {}
    records: RecordsWay | None = None

    def __call__(self, spec: ReplicaSpec) -> Launch:
        environment = self.environments / spec.environment
        arguments = (
            *(str(python_of(environment)), "-m", "modelway.cli.main", "serve"),
            str(unpacked_folder(self.packages, spec.package)),
            *("--host", self.host, "--port", "0", *serve_options(spec)),
        )
        return Launch(arguments=arguments, environment=self._environment(spec, environment))

    def _environment(self, spec: ReplicaSpec, environment: Path) -> dict[str, str]:
        passed_on = {
            name: value
            for name, value in self.variables.items()
            if name in _PASSED_ON or (name.startswith(_PASSED_ON_PREFIXES) and not name.endswith(_KEPT_BACK_ENDING))
        }
        way = self.records
        return {
            **passed_on,
            "PATH": f"{environment / 'bin'}:{self.variables.get('PATH', '/usr/bin:/bin')}",
            "VIRTUAL_ENV": str(environment),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "INFERENCE_LOG": str(self.replicas / spec.id / INFERENCE_LOG_NAME),
            **spec.env,
            **self.secrets(spec),
            # Ours come last: a document cannot make a replica claim to be another.
            "MODELWAY_REGISTER_URL": self.register_url,
            "MODELWAY_REGISTER_TOKEN": self.register_token,
            "MODELWAY_REPLICA_ID": spec.id,
            "MODELWAY_PROJECT": spec.key.project,
            "MODELWAY_MODEL": spec.key.model,
            "MODELWAY_VERSION": spec.key.version,
            "MODELWAY_PACKAGE": spec.package,
            **({URL_VARIABLE: way.url, TOKEN_VARIABLE: way.token_of(spec.key)} if way is not None else {}),
        }
