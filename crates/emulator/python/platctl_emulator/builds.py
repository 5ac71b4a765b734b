"""Builds that really run: those of projects without a source, by the commands of their buildspec."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

import yaml

from .backends import backend
from .guard import GUARD
from .kubernetes import KUBERNETES
from .things import now

if TYPE_CHECKING:
    from .calls import Call


# What a build gets of this process's environment. Its home is a folder of its own: nothing of the owner's, credentials
# above all, is where a program looks for it.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "PLATCTL_CACHE_DIR", "PLATCTL_EMULATOR_HOME")
# How long a build may run, in seconds, and what each of its processes may take: seconds of a processor, KiB of address
# space, 512-byte blocks of a file. macOS knows no limit of the address space.
LONGEST = 300
LIMITS = "ulimit -c 0; ulimit -t 300; ulimit -f 2097152; ulimit -v 4194304 2>/dev/null; "

# What builds may call of the AWS command line: copying an object of S3 into a file.
SHIM = """#!{python}
import http.client, os, sys, time, urllib.request
arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
if arguments[:2] != ["s3", "cp"] or len(arguments) != 4:
    sys.exit("the local AWS's builds know `aws s3 cp s3://BUCKET/KEY FILE` alone")
scope = os.environ["AWS_ACCESS_KEY_ID"] + "/20260101/" + os.environ["AWS_REGION"] + "/s3/aws4_request"
key = "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host, Signature=0"
url = os.environ["AWS_ENDPOINT_URL"] + "/" + arguments[2].removeprefix("s3://")
request = urllib.request.Request(url, headers={{"Authorization": key, "x-amz-date": "20260101T000000Z"}})
for left in range(7, -1, -1):
    try:
        with urllib.request.urlopen(request) as answer, open(arguments[3], "wb") as file:
            file.write(answer.read())
        break
    except (OSError, http.client.HTTPException):
        # As the command line does itself.
        if left == 0:
            raise
        time.sleep(0.1)
"""


def runs(project: dict[str, Any]) -> bool:
    """Whether the builds of a project are run."""
    return project["source"]["type"] == "NO_SOURCE"


# The process of each build that runs, what it is, and the builds that are to end.
RUNNING, BEGUN, STOPPED = {}, {}, set()
# Held by a build's thread but while it waits for a process: whoever holds it knows all processes, and no such thread
# is in the middle of anything, with a lock of some library that a copy would never get back.
GATE = threading.Lock()


def pause() -> None:
    """Stops all processes where they are. To be called with the gate held, which stays so until they go on: a build
    whose next command is due would otherwise speak to the copy."""
    tell_all(signal.SIGSTOP)


def resume() -> None:
    """Lets them go on. Gives the gate back."""
    tell_all(signal.SIGCONT)
    GATE.release()


def end_all() -> None:
    """Kills all processes, and begins no others: of a copy that ends, whose address becomes another one's."""
    GATE.acquire()
    tell_all(signal.SIGKILL)


def tell_all(what: int) -> None:
    """A signal to every process, and to all that it started."""
    for process in list(RUNNING.values()):
        if process.poll() is None:
            os.killpg(process.pid, what)


def again(lock: Any) -> None:
    """In a copy of this AWS: what the original runs is begun anew."""
    RUNNING.clear()
    for region, logs, project, build, variables in list(BEGUN.values()):
        run(lock, region, logs, project, build, variables)


def stop(number: str) -> None:
    """Ends a build, and all that it started."""
    STOPPED.add(number)
    process = RUNNING.get(number)
    if process is not None and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def begin(call: Call, lock: Any, project: dict[str, Any], build: dict[str, Any], variables: Any) -> None:
    """Starts a build in a thread of its own."""
    region, logs = call.region, backend(call, "logs")
    group = ((project.get("logsConfig") or {}).get("cloudWatchLogs") or {}).get("groupName")
    stream = build["id"].rpartition(":")[2]
    if group:
        build["logs"] = {"groupName": group, "streamName": stream}
    run(lock, region, logs, project, build, variables)


def run(lock: Any, region: str, logs: Any, project: dict[str, Any], build: dict[str, Any], variables: Any) -> None:
    """Runs a build's commands, in a thread of its own."""
    number, stream = build["id"], build["id"].rpartition(":")[2]
    group = (build.get("logs") or {}).get("groupName")

    def tell(text: str) -> None:
        with lock:
            if group in logs.groups:
                found = logs.groups[group]
                if stream not in found.streams:
                    found.create_log_stream(stream)
                stamp = int(time.time() * 1000)
                found.streams[stream].put_log_events(
                    [{"timestamp": stamp, "message": line} for line in text.splitlines()]
                )

    def whole() -> None:
        status = "FAILED"
        with GATE:
            try:
                status = work(project, region, variables, tell, number)
            finally:
                with lock:
                    RUNNING.pop(number, None)
                    BEGUN.pop(number, None)
                    if number not in STOPPED:
                        end(build, status)

    BEGUN[number] = (region, logs, project, build, variables)
    threading.Thread(target=whole, daemon=True).start()


def end(build: dict[str, Any], status: str) -> None:
    """It is over."""
    build.update(buildStatus=status, currentPhase="COMPLETED", buildComplete=True, endTime=now())


def environment_of(project: dict[str, Any], region: str, variables: Any, folder: str, key: str) -> dict[str, str]:
    """What the commands of a build see."""
    stated = (project["environment"].get("environmentVariables") or []) + list(variables)
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed,
        "PATH": f"{folder}/bin:{passed.get('PATH', os.defpath)}",
        "HOME": folder,
        "AWS_ENDPOINT_URL": KUBERNETES.base,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "PLATCTL_EMULATOR": "1",
        "NO_COLOR": "1",
        **{variable["name"]: variable["value"] for variable in stated},
    }


def end_of(process: Any, end: float) -> tuple[str, bool]:
    """Waits for a process; answers what it said, and whether it ended in time. Others have the gate meanwhile."""
    GATE.release()
    try:
        said, complained = process.communicate(timeout=max(end - time.monotonic(), 0))
        return said + complained, True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, complained = process.communicate()
        return said + complained, False
    finally:
        GATE.acquire()


def work(project: dict[str, Any], region: str, variables: Any, tell: Any, number: str) -> str:
    """Runs all commands with a key of their own; answers the status of the build. To be called with the gate held."""
    key = GUARD.lend(project["serviceRole"])
    try:
        return commands(project, region, variables, tell, number, key)
    finally:
        GUARD.take_back(key)


def commands(project: dict[str, Any], region: str, variables: Any, tell: Any, number: str, key: str) -> str:
    """Runs all commands; answers the status of the build."""
    spec = yaml.safe_load(project["source"]["buildspec"])
    end = time.monotonic() + LONGEST
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "bin"))
        shim = os.path.join(folder, "bin", "aws")
        with open(shim, "w", encoding="utf-8") as file:
            file.write(SHIM.format(python=sys.executable))
        os.chmod(shim, stat.S_IRWXU)
        environment = environment_of(project, region, variables, folder, key)
        for phase in ("install", "pre_build", "build", "post_build"):
            for command in (spec["phases"].get(phase) or {}).get("commands", []):
                if number in STOPPED:
                    return "STOPPED"
                tell(f"Running command {command}")
                process = RUNNING[number] = subprocess.Popen(
                    ["sh", "-c", LIMITS + 'exec sh -c "$1"', "sh", command], cwd=folder, env=environment,
                    text=True, errors="replace", start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )  # fmt: skip
                if number in STOPPED:
                    stop(number)
                said, in_time = end_of(process, end)
                tell(said)
                if not in_time:
                    return "TIMED_OUT"
                if process.returncode:
                    tell(f"Command did not exit successfully, exit status {process.returncode}")
                    return "FAILED"
    return "SUCCEEDED"
