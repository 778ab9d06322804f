"""Multiple-choice questions that explain every choice, right or wrong.

The questions are data, one file per lesson in `notebooks/quizzes/`. A choice unfolds its explanation when it is
clicked, in JupyterLab and on a plain web page alike; an answer given in code gets the same explanation in print.
"""

import html
import re
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import yaml
from IPython.display import display

from gluon_lessons.course import copies, progress
from gluon_lessons.errors import LessonError


@dataclass(frozen=True)
class Choice:
    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    text: str
    choices: dict[str, Choice]  # by letter

    def as_html(self) -> str:
        rows = [f"<p><strong>{_marked_up(self.text)}</strong></p>"]
        for letter, choice in self.choices.items():
            verdict = "Correct." if choice.right else "Not this one."
            rows.append(
                f"<details><summary>{letter}. {_marked_up(choice.text)}</summary>"
                f"<p>{verdict} {_marked_up(choice.why)}</p></details>"
            )
        return "\n".join(rows)

    def as_text(self) -> str:
        return "\n".join([self.text, *(f"  {letter}. {choice.text}" for letter, choice in self.choices.items())])


def _marked_up(text: str) -> str:
    """Return a text as HTML; what stands between backticks is code, and between dollar signs a formula."""
    coded = re.sub(r"`([^`]+)`", lambda code: f"<code>{code[1].replace('$', '&#36;')}</code>", html.escape(text))
    return re.sub(r"\$(?=\S)([^$]+)(?<=\S)\$", r'<span class="math">\\(\1\\)</span>', coded)


def questions(lesson: str) -> list[Question]:
    """Return the questions of a lesson, given by its number as in the notebook's name: "01"."""
    file = copies.QUIZZES / f"{lesson}.yaml"
    if not file.is_file():
        raise LessonError(f'There is no quiz for lesson "{lesson}"; quizzes go by the lesson\'s number, such as "01".')
    return [
        Question(
            item["question"], dict(zip(ascii_lowercase, (Choice(**choice) for choice in item["choices"]), strict=False))
        )
        for item in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def ask(lesson: str, number: int, answer: Any = ...) -> None:
    """Show question `number` of a lesson; with a letter as `answer`, say whether it is right, and why."""
    asked = questions(lesson)
    if number not in range(1, len(asked) + 1):
        raise LessonError(f"Lesson {lesson} has the questions 1 to {len(asked)}, and no question {number!r}.")
    question = asked[int(number) - 1]
    if answer is ...:
        display({"text/html": question.as_html(), "text/plain": question.as_text()}, raw=True)
    else:
        explanation = explain(question, answer)
        choice = question.choices.get(str(answer).strip().lower())
        if choice:
            state = progress.CORRECT if choice.right else progress.HINT
            progress.record(lesson, f"question {int(number)}", state, explanation)
        print(explanation)


def explain(question: Question, answer: Any) -> str:
    """Return the sentence that answers a letter: whether it is right, and why."""
    choice = question.choices.get(str(answer).strip().lower())
    if choice is None:
        letters = ", ".join(question.choices)
        return f"Answer with one of the letters {letters}, in quotes."
    return f"{'Correct.' if choice.right else 'Not this one.'} {choice.why}"
