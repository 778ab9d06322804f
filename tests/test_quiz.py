"""Questions: an explanation for every choice, in print and on the page."""

import pytest
from lessons import LESSONS

from gluon_lessons.course import quiz
from gluon_lessons.errors import LessonError


@pytest.fixture
def question():
    return quiz.Question(
        "Is 3 > 2?",
        {
            "a": quiz.Choice("yes", "Three is the larger.", right=True),
            "b": quiz.Choice("no", "Count <again>."),
        },
    )


def test_the_right_letter_is_called_correct(question):
    assert quiz.explain(question, "a") == "Correct. Three is the larger."
    assert quiz.explain(question, " A ") == "Correct. Three is the larger."


def test_a_wrong_letter_gets_its_own_explanation(question):
    assert quiz.explain(question, "b") == "Not this one. Count <again>."


def test_code_and_formulas_are_marked_up():
    asked = quiz.Question(
        "What is $n^2$ in `cost = $5 + $n`?", {"a": quiz.Choice("$n < 2$", "It is not $5.", right=True)}
    )
    page = asked.as_html()
    assert r'What is <span class="math">\(n^2\)</span> in <code>cost = &#36;5 + &#36;n</code>?' in page
    assert r'a. <span class="math">\(n &lt; 2\)</span>' in page
    assert "It is not $5." in page


@pytest.mark.parametrize("answer", ["", "z", 3, None])
def test_anything_else_is_told_what_to_type(question, answer):
    assert quiz.explain(question, answer) == "Answer with one of the letters a, b, in quotes."


def test_a_blank_answer_shows_the_question_and_gives_nothing_away_in_print(monkeypatch):
    shown = []
    monkeypatch.setattr(quiz, "display", lambda data, raw: shown.append(data))
    quiz.ask("01", 1)
    assert "a. " in shown[0]["text/plain"]
    assert "Correct" not in shown[0]["text/plain"]
    assert "Correct" in shown[0]["text/html"], "a click on a choice unfolds its explanation"


def test_a_letter_is_answered_in_print(capsys):
    quiz.ask("01", 1, "a")
    assert capsys.readouterr().out.startswith(("Correct. ", "Not this one. "))


def test_the_page_escapes_what_it_shows(question):
    page = question.as_html()
    assert "Is 3 &gt; 2?" in page
    assert "&lt;again&gt;" in page
    assert page.count("<details>") == 2


@pytest.mark.parametrize("number", [0, -1, 7, "1", None, 1.5])
def test_a_question_that_is_not_there_is_refused(number):
    with pytest.raises(LessonError, match="Lesson 01 has the questions 1 to 6, and no question "):
        quiz.ask("01", number)


def test_the_page_shows_code_as_code():
    page = quiz.Question("Is `a < b`?", {"a": quiz.Choice("`yes`", "`b` is the larger.", right=True)}).as_html()
    assert "Is <code>a &lt; b</code>?" in page
    assert "<summary>a. <code>yes</code></summary>" in page
    assert "Correct. <code>b</code> is the larger." in page
    assert "`" not in page


def test_an_unknown_lesson_is_refused():
    with pytest.raises(LessonError, match="no quiz for lesson"):
        quiz.questions("99")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_each_question_of_a_lesson_has_one_right_choice(path):
    asked = quiz.questions(path.stem.partition("-")[0])
    assert asked
    for question in asked:
        assert len(question.choices) >= 2
        assert sum(choice.right for choice in question.choices.values()) == 1
        assert all(len(choice.why) > 20 for choice in question.choices.values())


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_right_choice_is_not_always_in_the_same_place(path):
    places = [[c.right for c in q.choices.values()].index(True) for q in quiz.questions(path.stem.partition("-")[0])]
    assert len(set(places)) > 1
