#!/usr/bin/env python3
"""Terraform and platctl side by side: the same platform, against the same emulator, one after the other.

Usage: benches/run.py PLATCTL STACK.yaml TERRAFORM_FOLDER [TIME_SCALE]
Needs terraform with the AWS provider 5.100.0 on the PATH. Prints one Markdown table.
The Terraform configuration takes the emulator's address as variable `endpoint`.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

PLATCTL, STACK, TERRAFORM = (Path(word).resolve() for word in sys.argv[1:4])
SCALE = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0


def control(endpoint, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_platctl/{path}", data)) as answer:
        return json.load(answer)


def children(pid):
    """The process and all below it. Each thread has children of its own."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += task.read_text().split()
        except OSError:
            pass
    return [pid, *(inner for child in found for inner in children(child))]


def memory(pid):
    total = 0
    for one in children(str(pid)):
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def measure(endpoint, command, cwd, env):
    control(endpoint, "counters", {})
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak, done = [0.0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], memory(process.pid))

    threading.Thread(target=watch, daemon=True).start()
    output = process.communicate()[0].decode()
    done.set()
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}:\n{output[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, peak[0], len(control(endpoint, "calls")["calls"])


def main():
    work = Path(tempfile.mkdtemp())
    env = {**os.environ, "PLATCTL_EMULATOR_HOME": str(work / "emulator"), "NO_COLOR": "1", "CHECKPOINT_DISABLE": "1"}
    subprocess.run([PLATCTL, "emulator", "start"], env=env, check=True, stdout=subprocess.DEVNULL)
    endpoint = json.loads((work / "emulator/instance.json").read_text())["endpoint"]
    try:
        for name in TERRAFORM.glob("*.tf"):
            shutil.copy(name, work)
        shutil.copy(STACK, work)
        env["TF_VAR_endpoint"] = endpoint
        subprocess.run(["terraform", "init", "-no-color"], cwd=work, env=env, check=True, stdout=subprocess.DEVNULL)
        ours = lambda *words: [PLATCTL, *words, STACK.name, "--emulator"]
        tools = {
            "Terraform": {
                "plan, no resources": ["terraform", "plan", "-no-color"],
                "apply": ["terraform", "apply", "-no-color", "-auto-approve", "-parallelism=64"],
                "plan, no change": ["terraform", "plan", "-no-color"],
                "destroy": ["terraform", "destroy", "-no-color", "-auto-approve", "-parallelism=64"],
            },
            "platctl": {
                "plan, no resources": ours("plan"),
                "apply": ours("apply", "--yes"),
                "plan, no change": ours("plan"),
                "destroy": ours("destroy", "--yes", "--allow-data-loss"),
            },
        }
        print("| | tool | wall s | CPU s | memory MB | API calls |\n| --- | --- | --- | --- | --- | --- |")
        rows = {}
        for tool, phases in tools.items():
            control(endpoint, "reset", {})
            # Terraform's provider trips over some of what the layer refuses and adds, so it gets a friendlier AWS.
            control(endpoint, "profile", {"time_scale": SCALE, "strict": tool == "platctl", "validate": False})
            for phase, command in phases.items():
                rows[phase, tool] = measure(endpoint, command, work, env)
        for phase in tools["platctl"]:
            for tool in tools:
                wall, cpu, peak, calls = rows[phase, tool]
                print(f"| {phase} | {tool} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {calls} |")
    finally:
        subprocess.run([PLATCTL, "emulator", "stop"], env=env, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


main()
