from lakeshare.governance.keys import Keyring

OLD, NEW = b"o" * 32, b"n" * 32


def test_purposes_have_keys_of_their_own():
    keyring = Keyring(NEW)
    assert keyring.active("list page").secret != keyring.active("activation").secret


def test_the_same_secret_gives_the_same_key_in_every_process():
    assert Keyring(NEW).active("activation") == Keyring(NEW).active("activation")


def test_keys_derive_by_hkdf_as_rfc_5869_has_it():
    import hashlib
    import hmac

    extracted = hmac.digest(bytes(32), NEW, hashlib.sha256)
    expected = hmac.digest(extracted, b"lakeshare/activation\x01", hashlib.sha256)
    assert Keyring(NEW).active("activation").secret == expected


def test_a_previous_key_is_found_but_signs_nothing_new():
    old, both = Keyring(OLD).active("activation"), Keyring(NEW, previous=OLD)
    assert both.active("activation") == Keyring(NEW).active("activation")
    assert both.find("activation", old.id) == old
    assert both.accepted("activation") == (both.active("activation"), old)


def test_a_key_of_another_purpose_or_ring_is_not_found():
    keyring = Keyring(NEW)
    assert keyring.find("activation", keyring.active("list page").id) is None
    assert keyring.find("activation", Keyring(OLD).active("activation").id) is None


def test_a_printed_key_tells_nothing_of_its_secret():
    key = Keyring(NEW).active("activation")
    assert repr(key) == f"Key(id='{key.id}')"
