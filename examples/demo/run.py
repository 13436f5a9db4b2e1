"""Two real commits of the storefront, from diff to recorded outcome, on this machine.

    python examples/demo/run.py [--out out/demo]

A good commit is reviewed, deployed and reaches all of the traffic; one with a fault that its own tests do
not see is rolled back by live signals. Real git, real tests, real processes, real HTTP on 127.0.0.1; no root,
no network, nothing outside the output folder. A small proxy of the storefront's own stands where HAProxy
stands in production, and the services' /metrics where Prometheus stands; all else is what an adopter runs.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import traceback
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from console import Console
from journal import Unexpected
from processes import Children, DidNotStart, TookTooLong

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MARK = ".signalbox-demo"
"""In a folder that the demo made, and may therefore empty."""


STORIES = {
    "good": "A small change that does what it says.",
    "bad": "A change that its tests cannot fault: they make three payments in a row, and the payment "
    "provider hangs up after eight. In production every ninth on a connection waits for 0.75 s and fails.",
}


@dataclass(frozen=True)
class Options:
    """How the demo runs."""

    out: Path
    slices: str
    slice_seconds: float
    rate: float


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 when both commits ended as they should."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "demo", help="folder for everything (default: out/demo)"
    )
    parser.add_argument("--slices", default="10,25,50,100", help="percent of traffic (default: 10,25,50,100)")
    parser.add_argument(
        "--slice-seconds", type=float, default=8.0, help="per slice, 120 in production (default: 8)"
    )
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second (default: 300)")
    given = parser.parse_args(arguments)
    options = Options(given.out.resolve(), given.slices, given.slice_seconds, given.rate)
    problem = _prepare(options.out)
    if problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 2

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with (options.out / "transcript.txt").open("w", encoding="utf-8") as transcript:
        console = Console(sys.stdout, transcript, ROOT)
        return _run(console, options)


def _run(console: Console, options: Options) -> int:
    """Run and report; whatever happens, nothing that was started is left behind."""
    try:
        with Children() as children:
            return _deliver(console, children, options)
    except KeyboardInterrupt:
        console.bad("Interrupted. Everything that was started is stopped.")
        code = 130
    except (Unexpected, DidNotStart, TookTooLong) as error:
        console.bad(f"The demo stopped: {error}")
        code = 1
    except Exception as error:
        traceback.print_exc()
        console.bad(f"The demo stopped by a fault of its own: {type(error).__name__}: {error}")
        code = 1
    console.bad(f"What was recorded until then lies in {console.path(str(options.out))}")
    console.bad("(decisions in ledger/ and in good/ and bad/, all output in transcript.txt).")
    return code


def _deliver(console: Console, children: Children, options: Options) -> int:
    # Not before it is known that they can be: these import signalbox.
    from delivery import Delivery
    from report import write_report
    from shop import Shop

    console.chapter("A shop, two commits, one path to production")
    console.say(f"Everything is kept in {console.path(str(options.out))}. Nothing leaves this machine.")
    shop = Shop(console, children, ROOT, options.out, options.rate)
    shop.open()
    good, bad = (
        Delivery(
            shop,
            name,
            HERE / "changes" / f"{name}.patch",
            story,
            slices=options.slices,
            slice_seconds=options.slice_seconds,
        )
        for name, story in STORIES.items()
    )
    for delivery in (good, bad):
        delivery.run()
    children.stop_all()
    report = write_report(options.out, shop, (good, bad), console.elapsed)

    console.chapter("What happened")
    for delivery in (good, bad):
        delivery.tell()
    console.say(f"Report:  {console.path(str(report))}")
    console.say(f"Records: {console.path(str(options.out / 'ledger'))}")
    as_meant = (
        good.reached == 100 and good.verdict == "proceed" and bad.verdict == "rollback" and bad.reached == 0
    )
    if not as_meant:
        console.bad(
            "That is not what this demo means to show: see the report for which signal decided otherwise."
        )
    return 0 if as_meant else 1


def _prepare(out: Path) -> str:
    """Empty the output folder if it is the demo's own; return what is wrong, if anything is."""
    if not shutil.which("git"):
        return "git is not there; install it"
    missing = [name for name in ("signalbox", "pytest") if find_spec(name) is None]
    if missing:
        return (
            f"this Python has no {' and no '.join(missing)}; `make demo` prepares one and runs this with it"
        )
    if out.exists() and not out.is_dir():
        return f"{out} is a file; choose another --out"
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARK).exists():
            return f"{out} holds something that no demo wrote; choose another --out"
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).write_text(
        "Made by the demo, which empties this folder when it runs again.\n", encoding="utf-8"
    )
    return ""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
