"""Makes a package of a project: collect, lock, stage, rehearse, write."""

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelway.errors import InvalidPackageError
from modelway.packaging.archive import write_archive
from modelway.packaging.fresh_environment import fresh_environment
from modelway.packaging.golden_examples import read_examples
from modelway.packaging.limits import Limits, check_limits
from modelway.packaging.lock import Lock, lock_environment
from modelway.packaging.manifest import FOLDER_BY_ROLE, FORMAT, Environment, Example, FileEntry, Framework, Manifest
from modelway.packaging.project import Project, read_project
from modelway.packaging.project_files import project_files
from modelway.packaging.rehearse import TIMEOUT_SECONDS, Rehearsal, rehearse, require_answers
from modelway.packaging.staging import stage_lock, stage_members

# In this order: what a project depends on last is usually only how another one stores its models.
FRAMEWORKS = (
    "torch", "tensorflow", "jax", "onnxruntime", "xgboost", "lightgbm", "catboost", "scikit-learn", "spacy", "numpy",
)  # fmt: skip


class Progress(Protocol):
    """Told what is being done; `done` and `total` are octets in steps that may be long."""

    def __call__(self, step: str, /, *, done: int = 0, total: int = 0) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPackage:
    """A package that was made: the archive, its digest `sha256:<hex>`, and its manifest."""

    path: Path
    digest: str
    manifest: Manifest


def silent(step: str, /, *, done: int = 0, total: int = 0) -> None:
    """Progress nobody looks at."""


def build(
    project_dir: Path,
    out_dir: Path | None = None,
    progress: Progress = silent,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    fresh: bool = False,
    profile: bool = False,
) -> BuiltPackage:
    """Makes `NAME-VERSION.mwpkg` of the project in `project_dir`; the same inputs give the same bytes.

    Args:
        project_dir: Folder with a `pyproject.toml`.
        out_dir: Where the archive goes; `project_dir/dist` unless given.
        progress: Told each step.
        timeout_seconds: How long loading the handler and answering the golden examples may take.
        fresh: Answer the golden examples in a new environment made of the lock, too.
        profile: Measure batches and keep the curve in the manifest; then the digest is this machine's and this run's own.

    Raises:
        InvalidPackageError: No package can be made, for instance because it would not answer its golden examples.
    """
    progress("read the project")
    project = read_project(project_dir)
    examples = read_examples(project.folder / project.examples)
    members = project_files(project)
    progress("lock the environment")
    lock = lock_environment(project)
    target = out_dir or project.folder / "dist"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".modelway-", dir=target) as name:
        stage = Path(name)
        progress("collect files")
        files = stage_members(stage, members, lambda done, total: progress("collect files", done=done, total=total))
        files = tuple(sorted((*files, stage_lock(stage, lock.text)), key=lambda entry: entry.path.encode()))
        progress("answer the golden examples")
        places = (project.handler, stage / "code", stage / "files", examples, timeout_seconds)
        rehearsal = rehearse(*places, profile=profile and not fresh)
        require_answers(rehearsal)
        if fresh:
            progress("answer them in a fresh environment")
            with fresh_environment(lock.text, lock.python, target) as interpreter:
                rehearsal = rehearse(*places, interpreter=interpreter, profile=profile)
            require_answers(rehearsal)
        manifest = _manifest(project, files, lock, examples, rehearsal)
        check_limits(manifest, Limits())
        path = target / f"{project.name}-{project.version}.mwpkg"
        total = sum(entry.size for entry in files)
        progress("write the archive", total=total)
        digest = write_archive(
            path, manifest, stage, lambda done: progress("write the archive", done=min(done, total), total=total)
        )
    return BuiltPackage(path=path, digest=digest, manifest=manifest)


def _manifest(
    project: Project,
    files: tuple[FileEntry, ...],
    lock: Lock,
    examples: tuple[Example, ...],
    rehearsal: Rehearsal,
) -> Manifest:
    lock_sha256 = hashlib.sha256(lock.text).hexdigest()
    return Manifest(
        format=FORMAT,
        name=project.name,
        version=project.version,
        sdk=importlib.metadata.version("modelway"),
        python=lock.python,
        handler=project.handler,
        framework=_framework(project, lock.versions),
        signature=rehearsal.signature,
        files=files,
        environment=Environment(lock_sha256=lock_sha256, packages=len(lock.versions)),
        examples=examples,
        profile=rehearsal.profile,
        base=project.base,
        dockerfile=f"{FOLDER_BY_ROLE['code']}{project.dockerfile}" if project.dockerfile else "",
        system_packages=project.system_packages,
    )


def _framework(project: Project, versions: Mapping[str, str]) -> Framework:
    if project.framework:
        if project.framework not in versions:
            message = f"[tool.modelway] framework: {project.framework!r} is not among the locked dependencies"
            raise InvalidPackageError(message, hint="add it to [project] dependencies, or remove the setting.")
        return Framework(name=project.framework, version=versions[project.framework])
    found = next((name for name in FRAMEWORKS if name in versions), "")
    return Framework(name=found, version=versions[found]) if found else Framework()
