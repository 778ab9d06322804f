"""A learner's own copies of the lessons: made beside the originals, renewed by an update until they are worked on."""

import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from gluon_lessons.errors import LessonError
from gluon_lessons.files.cache import replacing

ROOT = Path(__file__).parent.parent.parent
ORIGINALS = ROOT / "notebooks"
CHECKS, QUIZZES = ORIGINALS / "checks", ORIGINALS / "quizzes"  # one file for each lesson
COPIES = ROOT / "my-lessons"
RECORD = ".copies.json"  # what each copy held when it was made


@dataclass
class Update:
    """What an update did: notebooks that are new, renewed, or left alone although the course has newer ones."""

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)


def update(originals: Path, copies: Path) -> Update:
    """Bring new lessons and newer versions of untouched ones; a copy that was worked on stays as it is."""
    copies.mkdir(exist_ok=True)
    record, done = _record(copies), Update()
    for original in sorted(originals.glob("*.ipynb")):
        name, copy, current = original.name, copies / original.name, contents(original)
        if not copy.exists():
            done.new.append(name)
        elif record.get(name) == current:
            continue  # nothing newer, whatever has become of the copy
        elif contents(copy) == current:
            record[name] = current
            continue
        elif contents(copy) == record.get(name):
            done.renewed.append(name)
        else:
            done.left_alone.append(name)
            continue
        _copy(original, copy)
        record[name] = current
        _write_record(copies, record)
    _write_record(copies, record)
    return done


def reset(name: str) -> None:
    """Put the course's notebook in place of the learner's copy."""
    originals, copies = ORIGINALS, COPIES
    copies.mkdir(exist_ok=True)
    record = _record(copies)
    _copy(originals / name, copies / name)
    record[name] = contents(originals / name)
    _write_record(copies, record)


def find(lesson: str) -> str:
    """Return the file name of a lesson given by its number or name: 03, 03-convolution or 03-convolution.ipynb."""
    names = sorted(path.name for path in ORIGINALS.glob("*.ipynb"))
    wanted = Path(lesson).name.removesuffix(".ipynb")
    for name in names:
        if wanted in (name.removesuffix(".ipynb"), name.partition("-")[0]):
            return name
    raise LessonError(
        f"There is no lesson {lesson!r}. There are: {', '.join(n.removesuffix('.ipynb') for n in names)}."
    )


def contents(path: Path) -> str:
    """Return a hash of what a learner changes in a notebook: text, code, outputs; opening it changes nothing."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [[_output(one) for one in cell.get("outputs", ())] for cell in cells]
        texts = [(cell["cell_type"], _text(cell["source"])) for cell in cells]
        data = json.dumps([texts, outputs], sort_keys=True).encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        data = path.read_bytes()  # a damaged notebook may still hold work
    return hashlib.sha256(data).hexdigest()


def _output(output: dict) -> dict:
    """Return an output without what differs between two programs that store the same one."""
    data = {kind: _text(content) for kind, content in output.get("data", {}).items()}
    return {"text": _text(output.get("text", "")), "data": data, "error": output.get("evalue")}


def _text(text: object) -> object:
    """Return a text, which a notebook may store as a list of lines, as one; anything else as it is."""
    if isinstance(text, list):
        text = "".join(text)
    return text.rstrip("\n") if isinstance(text, str) else text


def _copy(original: Path, copy: Path) -> None:
    with replacing(copy) as temporary:
        temporary.write_bytes(original.read_bytes())


def _record(copies: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return dict(json.loads((copies / RECORD).read_text(encoding="utf-8")))
    return {}  # lost: each copy that differs counts as worked on


def _write_record(copies: Path, record: dict[str, str]) -> None:
    with replacing(copies / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
