"""The process that forks guests: warm, single-threaded, free of the judge's secrets.

Started by `worker.py` from a fresh interpreter with nothing but the standard library, pytest and this package's own
sandbox modules. It never reads a job. For each one it forks a supervisor, which takes the job from the channel, forks
the guest, watches it, and answers:

    <- {"source", "tests", "kind", "limits"}
    <- {"source", "kind": "split", "limits", "captures"}, then {"tests", ...}     instead, for two guests
    <- {"kind": "variants", "limits"}     instead, for many, one after the other; what follows is said in `variants`
    -> {"reason", "exit_code", "wall_s", "cpu_s"}, then one frame of results and one of output
    -> {"failure": text}   when there was no sandbox to run it in; then this process ends
"""

from __future__ import annotations

import errno
import gc
import json
import os
import select
import socket
import sys
import traceback
from dataclasses import replace

from green_logic.evaluation.isolation import kernel
from green_logic.evaluation.isolation.channel import ChannelClosedError, read_record, send_record
from green_logic.evaluation.isolation.group import open_group
from green_logic.evaluation.isolation.guest import preload, solution_names
from green_logic.evaluation.isolation.pages import collapse
from green_logic.evaluation.isolation.plan import Plan, leave, namespaces_of, prepare
from green_logic.evaluation.isolation.ready import prepare_pytest
from green_logic.evaluation.isolation.split.pair import supervise_pair
from green_logic.evaluation.isolation.supervisor import supervise
from green_logic.evaluation.isolation.variants import supervise_variants


def main(arguments: str) -> None:
    """Serve the jobs of the channel named in `arguments` (JSON) until its other end closes."""
    options = json.loads(arguments)
    channel = socket.socket(fileno=options["channel"])
    os.set_inheritable(channel.fileno(), False)
    owners = (os.pidfd_open(os.getppid()), os.pidfd_open(os.getpid()))
    plan = Plan(options["backend"], tuple(options["readable"]), options["box"], options["uid"], options["core"])
    try:
        _warm_up()
        group = open_group(options["group"]) if options["group"] else None
        plan = replace(plan, process_dir=prepare(plan))
        if group and group.is_open_from(namespaces_of(plan)):
            plan = replace(plan, group=group)
        prepare_pytest(plan.box)
        send_record(channel, {"ready": True, "cgroup": plan.group.version if plan.group else 0})
        _serve(channel, owners, plan)
    except OSError as error:
        send_record(channel, {"failure": str(error)})
    finally:
        leave(plan)


def _warm_up() -> None:
    """Leave the guest an interpreter as it finds one on a desk: `exit` and `quit`, but no path to our packages."""
    import site  # noqa: PLC0415  started with -S, which must have been seen first

    preload()
    site.setquit()
    site.sethelper()
    solution_names()
    sys.executable = os.path.realpath(sys.executable)


def _serve(channel: socket.socket, owners: tuple[int, int], plan: Plan) -> None:
    """Fork one supervisor for each job. `owners` are pidfds: of the judge, and of this process for its supervisors."""
    # what is here now is never collected, so that collections in guests touch no shared page
    gc.collect()
    gc.freeze()
    collapse(plan.process_dir)
    _check_alone(plan.process_dir)
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    # a copy of the channel in some child of the judge would hide its death from us
    poller.register(owners[0], select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if owners[0] in ready or not channel.recv(1, socket.MSG_PEEK):
            return
        supervisor = kernel.fork()
        if supervisor == 0:
            os._exit(_supervise_one(channel, owners, plan))
        _, status = os.waitpid(supervisor, 0)
        if status != 0:
            return  # half an answer may have been sent: the channel is of no more use


def _check_alone(process_dir: int) -> None:
    """Raises OSError if this process has a second thread: `kernel.fork` is not for such a one."""
    tasks = os.open("self/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=process_dir)
    count = len(os.listdir(tasks))  # noqa: PTH208  of a descriptor
    os.close(tasks)
    if count > 1:
        raise OSError(errno.EBUSY, f"a worker with {count} threads cannot be forked")


def _supervise_one(channel: socket.socket, owners: tuple[int, int], plan: Plan) -> int:
    """Exit code of a supervisor: 0 if it answered."""
    try:
        job = read_record(channel)
        run = {"split": supervise_pair, "variants": supervise_variants}.get(job["kind"], supervise)
        run(job, channel, owners, plan)
    except ChannelClosedError:
        return 3
    except OSError as error:
        send_record(channel, {"failure": str(error)})
        return 1
    except BaseException:  # noqa: BLE001  it must not return into the loop of the zygote
        traceback.print_exc()  # the worker reads the last line
        return 2
    return 0
