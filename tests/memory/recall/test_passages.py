"""Cutting messages into pieces of like size."""

from memory.recall.passages import TARGET, WHOLE, cut, sentences


def texts(text):
    return [text[start:end] for start, end in cut(text)]


def test_a_short_message_is_one_piece():
    assert texts("  One. Two?\nThree! ") == ["One. Two?\nThree!"]


def test_an_empty_message_is_one_empty_piece():
    assert texts("") == [""]
    assert texts(" \n ") == [""]


def test_a_long_message_is_cut_at_the_ends_of_sentences():
    text = "This sentence has exactly fifty characters in it. " * 20
    pieces = texts(text)
    assert [len(piece) for piece in pieces] == [449, 449, 99]
    assert {piece[-1] for piece in pieces} == {"."}


def test_lines_end_sentences_too():
    pieces = texts("\n".join(f"- item {number} of the list" for number in range(60)))
    assert all(piece.startswith("- item") for piece in pieces)


def test_a_sentence_without_end_is_cut_at_blanks_or_anywhere():
    assert max(map(len, texts("word " * 1_000))) <= TARGET
    assert [len(piece) for piece in texts("x" * (2 * TARGET + 1))] == [TARGET, TARGET, 1]


def test_a_message_just_below_the_limit_stays_whole():
    assert len(cut("a. " * (WHOLE // 3))) == 1
    assert len(cut("a. " * (WHOLE // 3 + 2))) == 2


def test_sentences_of_east_asian_text_end_at_their_marks():
    assert sentences("今日は。明日!") == [(0, 4), (4, 7)]
