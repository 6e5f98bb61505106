"""What is shown of addresses and errors: no secret, and no more than says what is wrong."""

from __future__ import annotations

import socket

import pytest
import requests
from mlflow.exceptions import MlflowException

from search.exports.addresses import first_line, redacted, root_of, without_secrets


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000/p", "http://host:5000/p"),
        ("postgresql://user@host/db", "postgresql://host/db"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
    ],
)
def test_user_and_password_are_not_shown(uri: str, shown: str) -> None:
    """Neither of an address nor in a text that quotes it."""
    assert redacted(uri) == shown
    assert without_secrets(f"can't open {uri}", uri) == f"can't open {shown}"


def test_a_lost_connection_is_told_by_its_root() -> None:
    """As MLflow has it, the address stands in it four times; the system's own words are enough."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nothing listens
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
        with pytest.raises(MlflowException) as caught:
            _ask(address)
    assert len(str(caught.value)) > 150
    assert first_line(root_of(caught.value)) == "[Errno 111] Connection refused"


def _ask(address: str) -> None:
    try:
        requests.get(address, timeout=1)
    except requests.RequestException as error:
        raise MlflowException(f"API request to {address} failed with exception {error}") from error


def test_another_error_speaks_for_itself() -> None:
    """What lies below it is how its library came to it."""
    with pytest.raises(ValueError, match="wrong value") as caught:
        _wrong_value()
    assert root_of(caught.value) is caught.value


def _wrong_value() -> None:
    try:
        {}["key"]
    except KeyError as error:
        raise ValueError("wrong value") from error


def test_an_error_is_one_line() -> None:
    """The first; the name of one that says nothing."""
    assert first_line(ValueError("\n one\ntwo")) == "one"
    assert first_line(ValueError()) == "ValueError"
