from specc.pg.tap import TapFailure, TapReport, read_tap


def test_a_failure_keeps_its_number_its_description_and_what_explains_it() -> None:
    lines = (
        "1..3",
        "ok 1 - opens",
        "not ok 2 - closes",
        '# Failed test 2: "closes"',
        "#         have: 1",
        "#         want: 2",
        "ok 3",
        "# Looks like you failed 1 test of 3",
    )
    explained = ('Failed test 2: "closes"', "        have: 1", "        want: 2")
    failure = TapFailure(2, "closes", explained)
    assert read_tap("t", lines) == TapReport("t", 3, 2, (failure,), None)
    assert not read_tap("t", lines).ok


def test_remarks_after_a_passed_test_explain_no_failure() -> None:
    report = read_tap("t", ("1..2", "not ok 1 - a", "ok 2 - b", "# about b"))
    assert report.failed == (TapFailure(1, "a", ()),)


def test_tests_to_do_may_fail_and_skipped_ones_count_as_passed() -> None:
    lines = ("1..3", "not ok 1 - later # TODO not built", "# Failed (TODO) test 1", "ok 2 # SKIP no", "ok 3")
    assert read_tap("t", lines) == TapReport("t", 3, 3, (), None)


def test_rows_that_are_not_tap_are_passed_over() -> None:
    assert read_tap("t", ("", "42", "1..1", '{"sub": "x"}', "ok 1", "okay")).ok


def test_a_plan_may_come_last() -> None:
    assert read_tap("t", ("ok 1", "ok 2", "1..2")).ok


def test_a_file_that_cannot_be_trusted_is_an_error() -> None:
    assert read_tap("t", ()).error == "no tests ran"
    assert read_tap("t", ("1..0",)).error == "no tests ran"
    assert read_tap("t", ("ok 1",)).error == "the file has no plan"
    assert read_tap("t", ("1..1", "ok 1", "1..1")).error == "the file has more than one plan"
    assert read_tap("t", ("1..2", "ok 1")).error == "planned 2 tests but ran 1"
    assert read_tap("t", ("1..1", "ok 1", "ok 2")).error == "planned 1 tests but ran 2"
    assert read_tap("t", ("1..2", "ok 1", "ok 1")).error == "test 2 has the number 1"
    assert read_tap("t", ("1..1", "ok 1"), "line 3: 42601: no").error == "line 3: 42601: no"
