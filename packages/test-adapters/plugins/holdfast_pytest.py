"""Serves the protocol of a host from inside pytest: collects once, then runs the files that it is asked for.

Loaded with ``-p holdfast_pytest`` from a temporary folder; nothing of it lies in the user's tree. The socket named by
``HOLDFAST_INNER`` carries one JSON object a line (``host-protocol.ts``).

P1 Options of the user's ini that would end or spread the run (``-x``, ``-n``, ``--cov``) are put out of force here.
P2 A module that does not load is an error of that file alone.
P3 Fixtures of the session live from the first file to the end, those of a module or class end with their file.
P4 The slot looks like a worker of xdist, which is what databases and ports are told apart by.
"""

import json
import os
import socket
import sys
import time

import pytest

MAJOR_MIN = 7
RSS_BYTES_MAX = 3 * 1024**3 // 2
TEXT_MAX = 32 * 1024

_address = os.environ.pop("HOLDFAST_INNER", None)
_own_folder = os.path.dirname(os.path.abspath(__file__))
_now = time.perf_counter

# Programs that tests start must not see it.
sys.path[:] = [entry for entry in sys.path if entry != _own_folder]
_left = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry not in ("", _own_folder)]
if _left:
    os.environ["PYTHONPATH"] = os.pathsep.join(_left)
else:
    os.environ.pop("PYTHONPATH", None)


if _address:
    os.environ["PYTEST_XDIST_WORKER"] = "gw" + os.environ.get("HOLDFAST_SLOT", "0")


class Channel:
    """Blocking on purpose: nothing said is lost when the process dies in the next statement."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._reader = self._socket.makefile("r", encoding="utf-8")
        self._send = self._socket.sendall

    def say(self, **event):
        self._send((json.dumps(event) + "\n").encode("utf-8", "replace"))

    def close(self):
        # Left open they would warn, and a suite may have made warnings errors.
        self._reader.close()
        self._socket.close()

    def requests(self):
        for line in self._reader:
            yield json.loads(line)


class Host:
    def __init__(self, channel):
        self.channel = channel
        self.folder = os.getcwd()
        self.errors = {}
        self.skipped = {}
        self.id = 0
        self.cases = 0
        self.failed = 0
        self.item = None
        self.phases = []

    # -- before the run

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config):
        option = config.option
        option.maxfail = 0
        option.continue_on_collection_errors = True
        for name, value in (("numprocesses", None), ("dist", "no"), ("tx", []), ("distload", False), ("looponfail", False)):
            if hasattr(option, name):
                setattr(option, name, value)
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        if int(pytest.__version__.split(".")[0]) < MAJOR_MIN:
            raise pytest.UsageError(f"pytest {pytest.__version__} is too old; supported are {MAJOR_MIN}.0 and later")
        worker = os.environ["PYTEST_XDIST_WORKER"]
        basetemp = getattr(config.option, "basetemp", None)
        if basetemp:
            # pytest empties it at its start: two slots must not share it.
            config.option.basetemp = os.path.join(str(basetemp), worker)
        self.channel.say(t="ready", runner="pytest", version=pytest.__version__)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session):
        # Not before plugins are configured: what they leave out under xdist need not be left out here.
        if not hasattr(session.config, "workerinput"):
            worker = os.environ["PYTEST_XDIST_WORKER"]
            session.config.workerinput = {"workerid": worker, "workercount": 1, "testrunuid": "holdfast"}
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        writer = getattr(reporter, "_tw", None)
        if writer is not None:
            # Its dots and summaries are told by Holdfast; plugins that look for it still find it.
            writer._file = open(os.devnull, "w", encoding="utf-8")

    def pytest_collectreport(self, report):
        if report.passed or not report.nodeid:
            return
        file = self.file_of(os.path.join(str(self.root), report.nodeid.split("::")[0]))
        if report.failed:
            self.errors.setdefault(file, []).append(failure_of(report, "the file did not load: "))
        elif report.skipped:
            self.skipped[file] = reason_of(report)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection(self, session):
        self.root = getattr(session.config, "rootpath", None) or session.config.rootdir
        yield

    def pytest_internalerror(self, excrepr):
        # The terminal, which would tell it, has been silenced.
        sys.__stderr__.write(f"{excrepr}\n")

    def pytest_unconfigure(self):
        self.channel.close()

    # -- the run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        files = {}
        for item in session.items:
            files.setdefault(self.file_of(str(item.path)), []).append(item)
        for request in self.channel.requests():
            if request["t"] == "list":
                names = sorted({*files, *self.errors, *self.skipped})
                self.channel.say(t="listed", units=[{"file": name} for name in names], notes=[])
            elif request["t"] == "run":
                self.run(session, request["id"], request["unit"]["file"], files)
            elif request["t"] == "close":
                break
        return True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session):
        outcome = yield
        outcome.get_result()
        # Failed tests are told; only what fails here, a fixture that cannot be taken down, is the exit code's to tell.
        session.exitstatus = 0

    def run(self, session, run, file, files):
        started = _now()
        self.id, self.cases, self.failed = run, 0, 0
        items = files.get(file, [])
        errors = list(self.errors.get(file, []))
        if file in self.skipped:
            self.case([file], file, "skipped", None, 0, 1, None)
        elif not items and not errors:
            errors.append({"message": f"the file {file} does not exist, or no test of it is selected"})
        last = stay_of(session, items[-1]) if items else None
        for index, item in enumerate(items):
            self.item, self.phases = item, []
            after = items[index + 1] if index + 1 < len(items) else last
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        end = {"t": "end", "id": run, "ok": not errors and self.failed == 0, "cases": self.cases, "errors": errors}
        end["durationMs"] = (_now() - started) * 1000
        if resident_bytes() > RSS_BYTES_MAX:
            end["recycle"] = True
        self.channel.say(**end)

    def pytest_runtest_logstart(self, nodeid, location):
        self.channel.say(t="at", id=self.id, test=nodeid)

    def pytest_runtest_logreport(self, report):
        self.phases.append(report)

    def pytest_runtest_logfinish(self, nodeid, location):
        """One case of all phases and tries of a test."""
        tries = 1 + sum(1 for report in self.phases if report.outcome == "rerun")
        # What an earlier try reported beside its rerun is over.
        last = max((at + 1 for at, report in enumerate(self.phases) if report.outcome == "rerun"), default=0)
        phases = self.phases[last:]
        failed = [report for report in phases if report.failed]
        passed = any(report.when == "call" and report.passed for report in phases)
        grade = "failed" if failed else ("flaky" if tries > 1 else "passed") if passed else "skipped"
        failure = None
        if failed:
            first = failed[0]
            failure = failure_of(first, "" if first.when == "call" else f"{first.when} failed: ")
            for name, text in first.sections:
                sys.stdout.write(f"--- {name} ---\n{text}\n")
        duration = sum(getattr(report, "duration", 0) for report in phases) * 1000
        line = location[1] + 1 if location[1] is not None else None
        self.case(titles_of(self.item), self.file_of(str(self.item.path)), grade, line, duration, tries, failure)

    def case(self, path, file, grade, line, duration, attempts, failure):
        self.cases += 1
        if grade == "failed":
            self.failed += 1
        result = {"path": path, "file": file, "grade": grade, "durationMs": round(duration, 3), "attempts": attempts}
        if line is not None:
            result["line"] = line
        if failure is not None:
            result["failure"] = failure
        self.channel.say(t="case", id=self.id, result=result)

    def file_of(self, path):
        return os.path.relpath(os.path.realpath(path), os.path.realpath(self.folder)).replace(os.sep, "/")


def titles_of(item):
    """Classes and functions, the file left out; parameters may contain anything, so no text is split."""
    chain = item.listchain()
    at = max((index for index, node in enumerate(chain) if isinstance(node, pytest.File)), default=0)
    names = [node.name for node in chain[at + 1 :] if node.name not in ("", "()")]
    return [name[:1000] for name in names] or [item.name[:1000]]


def stay_of(session, item):
    """The item to name as the next one after the last of a file, so that what is wider than the file stays set up.

    It is the one that has least in common with this one: whatever comes next fits what then is left. Without any other
    file the session itself is taken down, and set up again when the file runs again.
    """
    chain = item.listchain()
    others = [other for other in session.items if other.path != item.path]
    return min(others, key=lambda other: common(chain, other.listchain()), default=None)


def common(left, right):
    count = 0
    for one, other in zip(left, right):
        if one is not other:
            break
        count += 1
    return count


def failure_of(report, prefix):
    text = report.longreprtext
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = [line for line in text.splitlines() if line.strip()]
    message = crash.message if crash else next((line[2:] for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "")
    where = f"    at {crash.path}:{crash.lineno}:1\n" if crash else ""
    return {"message": (prefix + message.strip())[: TEXT_MAX // 4] or "no message", "stack": f"{message.strip()}\n{where}\n{text}"[:TEXT_MAX]}


def reason_of(report):
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def resident_bytes():
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config):
    known = early_config.known_args_namespace
    # Coverage starts here, in each process for itself, and its threshold would judge a part of the suite.
    if hasattr(known, "cov_source"):
        known.cov_source = []
    yield


if _address:
    _host = Host(Channel(_address))
    pytest_plugins = []

    def pytest_addoption(parser, pluginmanager):
        pluginmanager.register(_host, "holdfast_host")
