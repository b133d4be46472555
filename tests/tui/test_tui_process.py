"""The application as a process: in tmux, in a pseudo-terminal, and what it imports before the first frame."""

from __future__ import annotations

import itertools
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from installed_command import installed, run_in
from tui_book import person

ROOT = Path(__file__).parents[2]
START = "import sys; from pathlib import Path; from clientbook.tui.app import run; sys.exit(run(Path({folder!r})))"
FIRST_BYTE_SECONDS = 0.3
"""The budget on a quiet machine; the test allows three times that, since it shares its cores."""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "CLIENTBOOK_LANG": "en", "TERM": "xterm-256color"}


class Tmux:
    """A command in a terminal of 80 by 24, and after it its exit code on the screen."""

    def __init__(self, command: str) -> None:
        self._socket = f"clientbook-{os.getpid()}-{next(numbers)}"
        size = ("-x", "80", "-y", "24")
        self("-u", "-f", "/dev/null", "new-session", "-d", *size, f"{command}; echo left with $?; sleep 30")

    def __call__(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._socket, *words], env=environment(), capture_output=True, text=True, check=True, timeout=10
        ).stdout

    def wait_for(self, text: str, *, without: str = "\0") -> str:
        end = time.monotonic() + 20
        while True:
            screen = self("capture-pane", "-p")
            if text in screen and without not in screen:
                return screen
            assert time.monotonic() < end, screen
            time.sleep(0.05)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_error: object) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)


numbers = itertools.count(1)


def test_the_shell_imports_nothing_heavy():
    code = (
        "import sys, clientbook.tui.app;"
        "heavy = {'duckdb', 'pyarrow', 'textual_fastdatatable', 'clientbook.book', 'sqlglot'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_tmux(book, tmp_path):
    start = tmp_path / "start.py"
    start.write_text(START.format(folder=str(book.folder)))
    with Tmux(f"{sys.executable} {start}") as tmux:
        tmux.wait_for("6 of 6 · now")
        tmux("send-keys", "/")
        tmux.wait_for("words, or an expression")
        tmux("send-keys", "-l", "smith")
        screen = tmux.wait_for("1 of 6")
        assert "Bob [/bold] Smith" in screen
        tmux("send-keys", "Enter")
        tmux.wait_for("[ Sort ↑")
        tmux("send-keys", "Enter")
        screen = tmux.wait_for("Timeline 3")
        assert "bob@example.org" in screen
        tmux("send-keys", "Escape")
        tmux.wait_for("1 of 6 · now")
        tmux("send-keys", "q")
        tmux.wait_for("left with 0")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_two_doors_in_tmux(book):
    def append(*lines: bytes) -> None:
        run_in(book.folder, "--book", book.folder, "append", "-", input=b"\n".join(lines) + b"\n")

    with Tmux(f"{installed()} --book {book.folder} tui") as tmux:
        tmux.wait_for("6 of 6 · now")
        tmux("send-keys", "Down")
        append(*person("aaa00007", "Aaa", "Aa", "aaa@example.org", "Gap"))
        screen = tmux.wait_for("2 new events · r shows them")
        assert "6 of 6" in screen
        assert "Gap" not in screen
        tmux("send-keys", "r")
        screen = tmux.wait_for("7 of 7 · now", without="r shows them")
        assert "Gap" in screen
        append(*person("aab00008", "Aab", "Ab", "aab@example.org", "Gap"))
        for _time in range(3):  # as other readers prune what they no longer need
            run_in(book.folder, "--book", book.folder, "rebuild")
        tmux("send-keys", "Enter")
        screen = tmux.wait_for("bob@example.org")
        assert "Timeline 3" in screen
        tmux("send-keys", "Escape")
        screen = tmux.wait_for("8 of 8 · now", without="✗")
        tmux("send-keys", "q")
        tmux.wait_for("left with 0")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_first_byte_and_leaving(book, record_property):
    parent, child = pty.openpty()
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(folder=str(book.folder))],
        stdin=child,
        stdout=child,
        stderr=child,
        env=environment(),
        start_new_session=True,
    )
    os.close(child)
    try:
        assert select.select([parent], [], [], 10)[0]
        first_byte = time.monotonic() - started
        seen = b""
        while b"6 of 6" not in seen:
            assert select.select([parent], [], [], 20)[0]
            seen += os.read(parent, 65536)
        os.write(parent, b"\x11")
        leaving = time.monotonic()
        while process.poll() is None:
            assert time.monotonic() < leaving + 10
            if select.select([parent], [], [], 0.02)[0]:
                try:
                    os.read(parent, 65536)
                except OSError:
                    break
        assert process.wait(10) == 0
        left = time.monotonic() - leaving
    finally:
        process.kill()
        os.close(parent)
    record_property("first_byte_seconds", first_byte)
    record_property("leaving_seconds", left)
    assert first_byte < 3 * FIRST_BYTE_SECONDS
    assert left < 3
