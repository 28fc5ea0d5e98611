"""Slurm's own commands, which are steadier than its REST API: each run with an environment of its own, and a limit in time."""

import asyncio
import re
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.deploy.operators.jobs.slurm_job import Job, jobs_in

_LIMIT_SECONDS = 60.0
HURRIED_SECONDS = 5
"""How soon a job that was put back may start again."""
_LONGEST = 400
# Slurm asks all of its users for patience with these words: the controller is away, or has too much to do.
_AWAY = re.compile(
    r"unable to contact|timed out|connection refused|not respond|zero bytes|try again|fetch_config", re.IGNORECASE
)
_GONE = re.compile(r"invalid job id|already complet|not (pending|running)|no active jobs", re.IGNORECASE)
_NO_ACCOUNTING = re.compile(r"accounting storage is disabled|not running with", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How a job ended, as the accounting database keeps it; `status` is a wait status, `at` 0 where it is not known."""

    state: str
    status: int
    at: float


class SlurmCommands:
    """Asks one Slurm.

    Args:
        variables: The platform's environment, of which only what commands need is passed on.
        conf: Path of `slurm.conf`; empty for Slurm's own way to find it.
    """

    def __init__(self, variables: Mapping[str, str], conf: str = "") -> None:
        self._path = f"{variables.get('PATH', '')}:/usr/local/bin:/usr/bin:/bin"
        own = {name: variables[name] for name in ("HOME", "USER", "LOGNAME", "SLURM_CONF") if name in variables}
        self._environment = {"PATH": self._path, "LANG": "C.UTF-8", **own} | ({"SLURM_CONF": conf} if conf else {})

    async def jobs(self, user: str) -> list[Job]:
        """All jobs that the controller remembers, of everybody where Slurm is older than 23.02.

        Raises:
            UnavailableError: It does not answer.
            ModelwayError: It says something else than jobs.
        """
        said = await self._run("squeue", "--json", f"--user={user}", "--states=all")
        try:
            return jobs_in(said)
        except (msgspec.DecodeError, ValueError) as error:
            raise ModelwayError(f"squeue --json says what cannot be understood: {error}", code="unavailable") from error

    async def submit(self, script: Path, avoid: Collection[str] = ()) -> int:
        """Queues a batch script, for any nodes but those to `avoid`; the number of its job.

        Raises:
            ModelwayError: It is refused; the message says what Slurm said.
        """
        elsewhere = (f"--exclude={','.join(sorted(avoid))}",) if avoid else ()
        said = (await self._run("sbatch", "--parsable", *elsewhere, str(script))).decode(errors="replace").strip()
        number = said.partition(";")[0]  # with several clusters, the cluster's name follows
        if not number.isdecimal():
            raise ModelwayError(f"sbatch says {said[:_LONGEST]!r} instead of a job's number", code="unavailable")
        return int(number)

    async def cancel(self, job: int, *, pending: bool = False) -> None:
        """Takes it out of the queue, or ends it by force; only while it waits, if `pending`. One that is gone is as wanted."""
        await self._tell("scancel", *(("--state=PENDING",) if pending else ()), str(job))

    async def terminate(self, job: int) -> None:
        """Sends SIGTERM to the program of a batch script, and to no child of it."""
        await self._tell("scancel", "--batch", "--signal=TERM", str(job))

    async def hurry(self, job: int) -> None:
        """Lets a job that was put back into the queue start in a moment, when there is room.

        Not at once: a node refuses a credential that is not younger, in whole seconds of its own clock, than the word by which it ended the job
        ("Job credential revoked"), and the job has then failed.
        """
        await self._tell("scontrol", "update", f"JobId={job}", f"StartTime=now+{HURRIED_SECONDS}")

    async def allow_everywhere(self, job: int) -> None:
        """Lets a job that waits run on the nodes, too, that it was to avoid."""
        await self._tell("scontrol", "update", f"JobId={job}", "ExcNodeList=")

    async def account(self, job: int) -> Account | None:
        """How it ended, from the accounting database; None where there is none, or it knows nothing of it."""
        options = ("--parsable2", "--noheader", "--allocations", "--duplicates", "--format=State,ExitCode,End")
        try:
            said = await self._run("sacct", *options, f"--jobs={job}")
        except ModelwayError as error:
            if isinstance(error, UnavailableError) and _NO_ACCOUNTING.search(error.message) is None:
                raise
            return None
        return account_in(said.decode(errors="replace"))

    async def _tell(self, *command: str) -> None:
        try:
            await self._run(*command)
        except UnavailableError:
            raise
        except ModelwayError as error:
            if _GONE.search(error.message) is None:
                raise

    async def _run(self, *command: str) -> bytes:
        program = shutil.which(command[0], path=self._path)
        if program is None:
            raise UnavailableError(f"there is no {command[0]} on the platform's machine", hint="install Slurm's client")
        process = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            cwd="/",
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                said, complaint = await process.communicate()
        except TimeoutError:
            raise UnavailableError(f"{command[0]} took longer than {_LIMIT_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise _refusal(command[0], complaint.decode(errors="replace"))
        return said


def account_in(text: str) -> Account | None:
    """The last line of `sacct --parsable2 --format=State,ExitCode,End`: `FAILED|3:0|2026-01-31T12:00:00`."""
    lines = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    if not lines:
        return None
    state, exit_code, end = lines[-1]
    code, _, number = exit_code.partition(":")
    status = (int(code) << 8 | int(number)) if code.isdecimal() and number.isdecimal() else 0
    try:
        at = time.mktime(time.strptime(end, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        at = 0.0
    return Account(state=state.split(maxsplit=1)[0] if state else "", status=status, at=at)


def _refusal(program: str, complaint: str) -> ModelwayError:
    lines = [re.sub(r"^\w+: (error: |fatal: )?", "", line).strip() for line in complaint.splitlines() if line.strip()]
    text = "; ".join(dict.fromkeys(lines))[:_LONGEST] or "it gave no reason"
    if _AWAY.search(text):
        return UnavailableError(f"Slurm does not answer: {text}", hint="is slurmctld running?")
    return ModelwayError(f"{program} refuses: {text}", code="unavailable")
