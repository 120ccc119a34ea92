"""The dispatcher: an outage of PostgreSQL takes no lease from a worker that lives."""

from workers.dispatcher import Contact

LEASE_S = 40.0
CALM_S = 10.0


def answering(contact: Contact, start: float, end: float) -> Contact:
    for moment in range(int(start), int(end) + 1):
        contact.note(float(moment))
    return contact


def test_nothing_is_taken_back_before_every_worker_had_time_to_keep_its_own() -> None:
    contact = Contact(LEASE_S)
    assert not answering(contact, 0, CALM_S - 1).is_calm(CALM_S - 1)
    assert answering(contact, CALM_S, CALM_S).is_calm(CALM_S)


def test_an_outage_begins_that_time_anew() -> None:
    contact = answering(Contact(LEASE_S), 0, 100)
    contact.lose()
    contact.note(101)
    assert not contact.is_calm(101)
    assert answering(contact, 102, 101 + CALM_S).is_calm(101 + CALM_S)


def test_so_does_a_silence_in_which_leases_could_run_out() -> None:
    contact = answering(Contact(LEASE_S), 0, 100)
    contact.note(100 + LEASE_S / 2)
    assert contact.is_calm(100 + LEASE_S / 2)
    contact.note(101 + LEASE_S)
    assert not contact.is_calm(101 + LEASE_S)


def test_short_leases_are_given_five_seconds_too() -> None:
    contact = answering(Contact(1.0), 0, 0)
    assert not contact.is_calm(4.9)
    assert contact.is_calm(5.0)
