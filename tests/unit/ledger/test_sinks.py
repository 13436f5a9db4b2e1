"""A sink that is down loses nothing, and nothing is left out or sent out of order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.records import bundle
from signalbox.ledger import Entry, SinkDown, decision_name, deliver
from signalbox.ledger.reading import read_entry


class Flaky:
    """Refuses whenever its next word is False."""

    name = "flaky"

    def __init__(self, words: list[bool]) -> None:
        self.words = words
        self.got: list[str] = []

    def send(self, entry: Entry) -> None:
        if self.words and not self.words.pop(0):
            raise SinkDown("refused")
        self.got.append(entry.id)


def entries(count: int) -> list[Entry]:
    made = [bundle(id=f"d{number}") for number in range(count)]
    return [entry for data in made if isinstance(entry := read_entry(decision_name(data), data), Entry)]


def test_a_delivery_says_how_far_it_came_and_why_it_stopped(tmp_path):
    progress, all_ = tmp_path / "deep" / "progress", entries(3)
    first = deliver(Flaky([True, False]), all_, progress)
    assert (first.sent, first.waiting, first.why) == (1, 2, "refused")
    again = Flaky([])
    assert deliver(again, all_, progress).sent == 2
    assert again.got == ["d1", "d2"]
    assert deliver(again, all_, progress).sent == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=30))
def test_everything_arrives_once_and_in_order_whatever_fails(tmp_path_factory, words):
    progress = tmp_path_factory.mktemp("sink") / "progress"
    sink, all_ = Flaky(list(words)), entries(5)
    for _ in range(len(words) + 1):
        deliver(sink, all_, progress)
    assert sink.got == [f"d{number}" for number in range(5)]
