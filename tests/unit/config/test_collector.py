import gc

from ductile.config.collector import collecting_later, settle


def test_nothing_is_collected_meanwhile_and_afterwards_it_is_as_before() -> None:
    with collecting_later():
        assert not gc.isenabled()
        with collecting_later():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_has_settled_is_never_looked_at_again() -> None:
    kept = [[] for _ in range(1000)]
    try:
        with collecting_later():
            settle()
            assert gc.isenabled()
        assert gc.get_freeze_count() > len(kept)
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()
