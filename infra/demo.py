#!/usr/bin/env python3
"""Types the demo of README.md into two terminals and writes what is seen to docs/demo.txt.

Usage: infra/demo.py FOLDER-OF-PROGRAMS [--check]

A line `alice$ COMMAND` of the block after the heading "Two people talk" is typed at alice's prompt;
`alice> TEXT` is typed into what runs there. Ids, words and times are masked. With --check the result is
compared with the committed file.
"""

import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRANSCRIPT = ROOT / "docs" / "demo.txt"
PATIENCE = 60
WIDTH = 100


def script():
    """The steps: (person, "$" or ">", text)."""
    readme = (ROOT / "README.md").read_text()
    block = readme.split("## Two people talk", 1)[1].split("```console\n", 1)[1].split("```", 1)[0]
    steps = [re.fullmatch(r"(\w+)([$>]) +(.+)", line) for line in block.strip().splitlines()]
    if None in steps:
        sys.exit("demo: the block in README.md has a line that is neither `name$ …` nor `name> …`")
    return [step.groups() for step in steps]


class Terminals:
    """A tmux server of its own, one window a person."""

    def __init__(self, folder, programs, people):
        self.socket = str(folder / "tmux")
        for person in people:
            start = ["new-session", "-d"] if person == people[0] else ["new-window", "-d", "-t", "demo"]
            name = ["-s", "demo", "-n", person] if person == people[0] else ["-n", person]
            shell = ["env", "-i", f"PATH={programs}:/usr/bin:/bin", "TERM=tmux-256color", "LANG=C.UTF-8",
                     f"HOME={folder}", f"XCHAT_PROFILE={person}", f"XCHAT_SERVER={SERVER}", "NO_COLOR=1",
                     f"PS1={person}$ ", "bash", "--norc", "--noprofile"]
            size = ["-x", str(WIDTH), "-y", "200"] if person == people[0] else []
            self.tmux(*start, *name, *size, *shell)
        for person in people:
            self.wait(person, lambda text: text.endswith(f"{person}$"))

    def tmux(self, *arguments):
        command = ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def screen(self, person):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", f"demo:{person}").rstrip()

    def type(self, person, text):
        self.tmux("send-keys", "-t", f"demo:{person}", "-l", text)
        self.tmux("send-keys", "-t", f"demo:{person}", "Enter")

    def wait(self, person, done):
        deadline = time.monotonic() + PATIENCE
        while not done(self.screen(person)):
            if time.monotonic() > deadline:
                sys.exit(f"demo: {person}'s terminal did not come to its end:\n{self.screen(person)}")
            time.sleep(0.05)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)


def play(terminals, steps, people):
    for person, mark, text in steps:
        before = terminals.screen(person)
        terminals.type(person, text)
        prompt = f"{person}$"
        if mark == "$" and " chat " in f"{text} ":
            terminals.wait(person, lambda now: "/quit" in now[len(before):])
        elif mark == "$" or text == "/quit":
            terminals.wait(person, lambda now: len(now) > len(before) and now.endswith("\n" + prompt))
        else:
            for other in people:
                terminals.wait(other, lambda now: now.count(text) > (other == person))


def mask(text):
    text = re.sub(r"xchat1[02-9ac-hj-np-z]+…?", "xchat1…", text)
    text = re.sub(r"\b\d\d:\d\d(:\d\d)?\b", "HH:MM", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d\b", "YYYY-MM-DD", text)
    text = re.sub(r"\b\d{5}\b", "12345", text)
    # The words of a phrase: numbered, of any length.
    text = re.sub(r"(?m)^(?: +\d+\. [a-z]+){4} *$",
                  lambda row: re.sub(r" +(\d+)\. [a-z]+", r"   \1. word", row.group(0)), text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    steps = script()
    people = list(dict.fromkeys(person for person, _, _ in steps))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="xchat-demo-"))
    server = subprocess.Popen([programs / "xchat-server", "--data-dir", folder / "server", "--listen",
                               SERVER.removeprefix("ws://")], stdout=subprocess.PIPE, text=True,
                              stderr=open(folder / "server.log", "w"))
    terminals = None
    try:
        if not server.stdout.readline().startswith("ready: "):
            sys.exit("demo: the server did not start:\n" + (folder / "server.log").read_text())
        terminals = Terminals(folder, programs, people)
        play(terminals, steps, people)
        seen = "\n\n".join(f"=== {person}'s terminal\n{mask(terminals.screen(person))}"
                           for person in people) + "\n"
    finally:
        if terminals:
            terminals.close()
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
    if "--check" not in sys.argv:
        TRANSCRIPT.write_text(seen)
        print(seen, end="")
        return
    committed = TRANSCRIPT.read_text() if TRANSCRIPT.exists() else ""
    difference = list(difflib.unified_diff(committed.splitlines(), seen.splitlines(),
                                           "docs/demo.txt", "seen now", lineterm=""))
    if difference:
        sys.exit("\n".join(difference) + "\ndemo: another transcript; `make demo` writes it anew")
    print("demo: as in docs/demo.txt")


SERVER = f"ws://127.0.0.1:{os.environ.get('XCHAT_DEMO_PORT', '8499')}"

if __name__ == "__main__":
    main()
