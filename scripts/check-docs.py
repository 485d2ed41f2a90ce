#!/usr/bin/env python3
"""check-docs.py [PROGRAM]: what the Markdown pages name exists.

Of every page that Git knows: the files that its links lead to; and in code, inline or fenced, the `make` verbs, the files of this
repository, the configuration's keys and variables, and the metrics. With PROGRAM, the compiled `churn`, also its commands and their
flags, asked by `--help`. Says every fault with its place, and ends with exit code 1 where there is one.
"""

import functools
import itertools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*```(\w*)")
INLINE = re.compile(r"`([^`]+)`")
WORD = re.compile(r"[a-z][a-z0-9_-]*")
# Not a key but a file.
ENDINGS = ("rs", "py", "sh", "sql", "yaml", "yml", "md", "toml", "json", "csv", "env", "html", "tf", "avsc")
# A name that stands for others, or goes on where a page leaves off.
OPEN = re.compile(r"[*<>{}…$]|\.\.\.")


def pages() -> list[str]:
    said = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [page for page in said.stdout.splitlines() if (ROOT / page).exists()]


def pieces(text: str):
    """Each piece of code with the number of its line and the language of its fence; lines that a backslash joins are one."""
    language, joined, first = None, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence:
            language = None if language is not None else fence[1]
        elif language is not None:
            first, joined = first or number, joined + line.removesuffix("\\")
            if not line.endswith("\\"):
                yield first, language, joined
                first, joined = 0, ""
    # A span may go over the end of a line.
    prose = re.sub(r"^\s*```.*?^\s*```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
    for span in INLINE.finditer(prose):
        yield prose.count("\n", 0, span.start()) + 1, None, " ".join(span[1].split())


def is_made(path: str) -> bool:
    """Whether something writes it: Git is told to leave it alone."""
    return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0


class Names:
    """What exists."""

    def __init__(self) -> None:
        self.verbs = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
        self.folders = {entry.name for entry in ROOT.iterdir() if entry.is_dir()} - {"target"}
        self.keys, self.sections = set(), set()
        for title, body in re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", (ROOT / "docs/configuration.md").read_text(), re.M):
            section = "" if title == "At the top" else f"{title}."
            self.keys |= {section + key for key in re.findall(r"^\| `([^`]+)` \|", body, re.M)}
            self.sections.add(title.split(".")[0])
        self.metrics = set(re.findall(r"^\| `(churn_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.M))
        self.families = {metric.split("_")[1] for metric in self.metrics}

    def has_key(self, key: str) -> bool:
        """Whether it is a key, a table of keys, or a name in a table of free names."""
        whole = {key, *(key.rsplit(".", cut)[0] for cut in range(1, key.count(".")))}
        return bool(whole & self.keys) or any(known.startswith(f"{key}.") for known in self.keys)

    def faults(self, code: str, page: pathlib.Path):
        for verb in re.findall(r"(?:^|[\s;&|(])make ([a-z][a-z-]*)", code):
            if verb not in self.verbs:
                yield f"there is no verb `make {verb}`"
        for path in re.findall(r"(?<![\w./:@$~-])(?:\.\./)*([\w.-]+/[\w./-]+)(?![\w*<>{}…$])", code):
            path = path.rstrip("./")
            if path.split("/")[0] in self.folders and not any((folder / path).exists() for folder in (ROOT, page.parent)) and not is_made(path):
                yield f"there is no {path}"
        for variable in re.findall(r"\bCHURN__([A-Z0-9_]+[A-Z0-9])\b", code):
            if variable != "SECTION__KEY" and not self.has_key(variable.lower().replace("__", ".")):
                yield f"no key belongs to CHURN__{variable}"
        key = re.match(r"([a-z_]+)(\.[a-z][a-z_]*)+(?= = |=|$)", code)
        if key and key[1] in self.sections and key[0].rsplit(".", 1)[1] not in ENDINGS and not self.has_key(key[0]):
            yield f"there is no key {key[0]}"
        for metric in re.findall(r"\bchurn_\w+", code):
            plain = re.sub(r"_(bucket|sum|count)$", "", metric)
            if metric.split("_")[1] in self.families and not OPEN.search(code) and not {metric, plain} & self.metrics:
                # The first words of several, as a page may sum them up.
                if not any(known.startswith(metric) for known in self.metrics):
                    yield f"there is no metric {metric}"


class Program:
    """The program's own word for its commands."""

    def __init__(self, path: str) -> None:
        self.path = path

    @functools.cache
    def help(self, command: tuple[str, ...]) -> tuple[str, frozenset[str]]:
        """What `--help` says of a command, and the names of its commands."""
        said = subprocess.run([self.path, *command, "--help"], check=True, capture_output=True, text=True).stdout
        listed = re.search(r"^Commands:\n((?:  .*\n|\n)*)", said, re.M)
        return said, frozenset(re.findall(r"^  ([a-z][a-z0-9-]*)", listed[1], re.M) if listed else ())

    def faults(self, code: str, fenced: bool):
        for words in commands(code, fenced):
            command: tuple[str, ...] = ()
            for word in words:
                said, known = self.help(command)
                if word.startswith("-"):
                    flag = word.split("=")[0].rstrip(".,;:)")
                    if flag.startswith("--") and not re.search(rf"{flag}(?![\w-])", said):
                        yield f"`churn {' '.join(command)}` has no {flag}"
                elif known and WORD.fullmatch(word):
                    if word not in known:
                        yield f"there is no `churn {' '.join([*command, word])}`"
                        break
                    command += (word,)


def commands(code: str, fenced: bool):
    """The words after each `churn` of a piece of code; `a|b` are two commands."""
    if fenced:
        code = re.sub(r"(^|\s)#.*$", "", code)
    code = re.sub(r"docker compose run --rm setup ", "churn ", code)
    for part in re.split(r"\s*(?:&&|\|\||;|\s\|\s)\s*", code):
        found = re.match(r"(?:[A-Z_]+=\S*\s+)*churn\s+(.+)", part)
        if found:
            words = [word.strip("[]") for word in found[1].split()]
            for chosen in itertools.product(*(word.split("|") if re.fullmatch(r"[a-z|-]+", word) else [word] for word in words)):
                yield [word for word in chosen if word and not OPEN.search(word)]


def links(text: str, page: pathlib.Path):
    """Links to files that are not there."""
    for number, line in enumerate(text.splitlines(), 1):
        for target in LINK.findall(line):
            path = target.split("#")[0]
            if path and not re.match(r"[a-z]+:", path) and not (page.parent / path).exists():
                yield number, f"there is no {path}"


def main() -> None:
    names = Names()
    program = Program(sys.argv[1]) if len(sys.argv) > 1 else None
    faults = []
    for name in pages():
        page = ROOT / name
        text = page.read_text()
        found = list(links(text, page))
        for number, language, code in pieces(text):
            found += [(number, fault) for fault in names.faults(code, page)]
            if program and language in (None, "sh", "bash"):
                found += [(number, fault) for fault in program.faults(code, language is not None)]
        faults += [f"{name}:{number}: {fault}" for number, fault in found]
    print("\n".join(faults) or f"{len(pages())} pages name what exists", file=sys.stderr if faults else sys.stdout)
    sys.exit(bool(faults))


main()
