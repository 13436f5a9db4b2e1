"""Processes that a test starts: follow Python into them, and say which could not be followed.

Each start gets a token; a child that records itself names the token in its header. A start whose token no
complete recording bears is a hole, and the reader selects its test always. Forked children carry on in this
module; new interpreters begin in ``boot/sitecustomize.py``, which stands last on PYTHONPATH and runs the
``sitecustomize`` it would have hidden.
"""

from __future__ import annotations

import os
import sys

from .recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional, Sequence

TOKEN = "PYTEST_SIGNALBOX_TOKEN"


class Children:
    """Gives out tokens and notes starts in the context that is current."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._count = 0
        self._owner = os.getpid()
        self._fork_token = ""

    def install(self) -> None:
        """Begin to follow forks (new interpreters are followed through the environment)."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before_fork, after_in_child=self._in_child)
        self._wrap_fork_exec()

    def _token(self) -> str:
        self._count += 1
        return "%s:%d" % (os.path.basename(self._recorder.writer.path)[:-6], self._count)

    def _note(
        self, what: str, token: str, followed: bool, inside: bool, told: Optional[Dict[str, Any]] = None
    ) -> None:
        entry: Dict[str, Any] = {"what": what, "token": token if followed else "", "inside": inside}
        entry.update(told or {})
        self._recorder.current.spawned.append(entry)

    def started(self, event: str, args: Sequence[Any]) -> None:
        """One audit event of a start. Raises nothing that the caller does not catch."""
        if event == "subprocess.Popen":
            executable, argv, cwd, env = args
            self._new_process(executable, argv, cwd, env)
        elif event == "os.posix_spawn":
            self._new_process(args[0], args[1], None, {})
        elif event == "os.exec":
            self._note(_name(args[0]), "", False, True)
            self._recorder.finish("exec")
        elif event == "os.system":
            self._note("sh", "", False, True, _told("/bin/sh", ["sh", "-c", args[0]], None, None))
        else:
            self._note("sh", "", False, True)

    def _new_process(self, executable: Any, argv: Any, cwd: Any, env: Optional[Mapping[Any, Any]]) -> None:
        program = executable or (argv[0] if isinstance(argv, (list, tuple)) and argv else argv)
        name = _name(program)
        python = name.startswith("python") or os.fsdecode(program or "") == sys.executable
        inside = self._inside(cwd)
        if not python:
            self._note(name, "", False, inside, _told(program, argv, cwd, env))
            return
        token = self._token()
        followed = True
        if env is None or env is os.environ:
            os.environ[TOKEN] = token
        elif isinstance(env, dict) and TOKEN in env:
            env[TOKEN] = token
        else:
            followed = False
        self._note(name, token, followed, inside)

    def _inside(self, cwd: Any) -> bool:
        try:
            place = os.path.realpath(os.fsdecode(cwd)) if cwd is not None else os.getcwd()
        except (OSError, TypeError):
            return True
        return (place + os.sep).startswith(self._recorder.root + os.sep)

    def _before_fork(self) -> None:
        if not self._recorder.active:
            return
        self._fork_token = self._token()
        self._note("fork", self._fork_token, True, True)
        self._recorder.writer.flush()

    def _in_child(self) -> None:
        recorder = self._recorder
        if not recorder.active:
            return
        try:
            recorder.reborn(self._fork_token)
        except Exception:
            recorder.active = False  # the parent finds no recording for the token
            return
        leave = os._exit

        def _exit(status: int) -> Any:
            try:
                recorder.finish("exit")
            finally:
                leave(status)

        os._exit = _exit

    def _wrap_fork_exec(self) -> None:
        """``multiprocessing`` starts interpreters below ``subprocess``, without an audit event."""
        try:
            import _posixsubprocess
        except ImportError:
            return
        original = _posixsubprocess.fork_exec

        def fork_exec(args: Any, executables: Any, *rest: Any) -> Any:
            # `subprocess` raises an event of its own.
            by = sys._getframe(1).f_globals.get("__name__")
            if self._recorder.active and by != "subprocess":
                try:
                    self._new_process(executables[0], args, None, None)
                except Exception as error:
                    self._recorder.trouble("process-not-seen", repr(error))
            return original(args, executables, *rest)

        _posixsubprocess.fork_exec = fork_exec


# With one of these a program does other things than its arguments say.
_SWAYING = ("BASH_ENV", "ENV", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES")
_ROOM = 4000


def _told(program: Any, argv: Any, cwd: Any, env: Optional[Mapping[Any, Any]]) -> Dict[str, Any]:
    """The command as the reader needs it to tell which files it may read; empty when it cannot tell."""
    try:
        given = {os.fsdecode(k): os.fsdecode(v) for k, v in env.items()} if env else None
        path = os.environ.get("PATH", "") if given is None else given.get("PATH", "")
        if any(name in (os.environ if given is None else given) for name in _SWAYING):
            return {}
        words = [os.fsdecode(program)] + [os.fsdecode(word) for word in argv[1:]]
        place = os.path.realpath(os.fsdecode(cwd)) if cwd is not None else os.getcwd()
        if os.name != "posix" or isinstance(argv, (str, bytes)) or sum(map(len, words)) > _ROOM:
            return {}
        return {"argv": words, "cwd": place, "path": path[:_ROOM]}
    except (TypeError, ValueError, OSError, AttributeError):
        return {}


def _name(program: Any) -> str:
    try:
        return os.path.basename(os.fsdecode(program)).lower()[:100]
    except TypeError:
        return "?"
