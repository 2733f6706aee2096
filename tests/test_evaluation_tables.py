import json

from deepmatte.evaluation import tables
from deepmatte.evaluation.metrics import Errors
from deepmatte.evaluation.results import Result, Row


def row(method: str, trimap_set: str, sad: float | None) -> Row:
    errors = None if sad is None else Errors(sad, 24.37, 1234.5, 0.004)
    return Row(method, "a", trimap_set, errors, 3.0, 0.5, None if errors else "broken: x")


RESULT = Result(
    (row("ours", "t1", 6.0), row("theirs", "t1", 9.0), row("ours", "t2", 6.0), row("theirs", "t2", None))
)


def test_a_table_shows_means_ratios_and_ranks() -> None:
    first, second, ranks = tables.tables(RESULT)
    assert first.title == "t1: means of 1 picture; × is relative to ours"
    assert first.columns == (
        *("method", "SAD", "×", "MSE", "×", "Grad", "×", "Conn", "×", "s/Mpx", "×", "rank"),
    )
    assert first.rows[1] == (
        *("theirs", "9.00", "1.50", "24.37", "1.00", "1234", "1.00", "0.00", "1.00", "6.00", "1.00", "1.62"),
    )
    assert second.rows[1] == ("theirs (1 failed)", *["–"] * 10, "2.00")
    assert ranks.columns == ("method", "SAD", "MSE", "Grad", "Conn", "t1", "t2", "all")
    assert ranks.rows[0] == ("ours", "1.00", "1.25", "1.25", "1.25", "1.38", "1.00", "1.19")


def test_the_best_of_a_column_is_marked_where_there_is_a_choice() -> None:
    first, second, _ = tables.tables(RESULT)
    assert (0, 1) in first.best
    assert (1, 1) not in first.best
    assert {(0, 3), (1, 3)} <= first.best  # both have the lowest MSE
    assert not {column for _, column in first.best} & {2, 4, 6, 8, 10}
    assert not [cell for cell in second.best if cell[1] < 11]


def test_a_method_alone_is_compared_with_nobody() -> None:
    (only,) = tables.tables(Result((row("ours", "t1", 6.0),)))
    assert only.columns == ("method", "SAD", "MSE", "Grad", "Conn", "s/Mpx")
    assert only.title == "t1: means of 1 picture"
    assert not only.best


def test_what_failed_is_said_in_one_line() -> None:
    assert tables.complaint(RESULT) == "1 of 4 failed: theirs on a (t2): broken: x"
    assert tables.complaint(Result(RESULT.rows[:3])) == ""
    many = Result(tuple(row(str(index), "t", None) for index in range(9)))
    assert tables.complaint(many).endswith("2 on a (t): broken: x; and 6 more")


def test_the_document_is_json_and_holds_all() -> None:
    document = json.loads(json.dumps(tables.document(RESULT), allow_nan=False))
    assert set(document) == {"methods", "means", "ratios", "ranks", "rows"}
    assert Result.from_dict(document) == RESULT


def test_text_is_aligned() -> None:
    lines = tables.text(RESULT).split("\n\n")[0].splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines[1:]}) == 1
