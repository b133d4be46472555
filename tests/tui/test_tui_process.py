"""The application as a process: in tmux, in a pseudo-terminal, and what it imports before the first frame."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = "import sys; from pathlib import Path; from clientbook.tui.app import run; sys.exit(run(Path({folder!r})))"
FIRST_BYTE_SECONDS = 0.3
"""The budget on a quiet machine; the test allows three times that, since it shares its cores."""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "CLIENTBOOK_LANG": "en", "TERM": "xterm-256color"}


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
    socket = f"clientbook-{os.getpid()}"
    code = tmp_path / "exit-code"
    start = tmp_path / "start.py"
    start.write_text(START.format(folder=str(book.folder)))

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", socket, *words], env=environment(), capture_output=True, text=True, check=True, timeout=10
        ).stdout

    def wait_for(text: str) -> str:
        end = time.monotonic() + 20
        while True:
            screen = tmux("capture-pane", "-p")
            if text in screen:
                return screen
            assert time.monotonic() < end, screen
            time.sleep(0.05)

    try:
        tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            f"{sys.executable} {start}; echo $? >{code}; sleep 30",
        )
        wait_for("6 of 6 · now")
        tmux("send-keys", "/")
        wait_for("words, or an expression")
        tmux("send-keys", "-l", "smith")
        screen = wait_for("1 of 6")
        assert "Bob [/bold] Smith" in screen
        tmux("send-keys", "Enter")
        wait_for("[ Sort ↑")
        tmux("send-keys", "Enter")
        screen = wait_for("Timeline 3")
        assert "bob@example.org" in screen
        tmux("send-keys", "Escape")
        wait_for("1 of 6 · now")
        tmux("send-keys", "q")
        end = time.monotonic() + 10
        while not code.exists() or not code.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert code.read_text().strip() == "0"
    finally:
        subprocess.run(["tmux", "-L", socket, "kill-server"], capture_output=True, check=False)


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
