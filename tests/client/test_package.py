import subprocess
import sys

import pytest

import lakeshare


def test_every_public_name_is_there() -> None:
    for name in lakeshare.__all__:
        assert getattr(lakeshare, name).__name__ == name
    assert set(lakeshare.__all__) <= set(dir(lakeshare))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'nothing'"):
        lakeshare.nothing  # noqa: B018


def test_importing_the_package_imports_none_of_its_dependencies() -> None:
    script = "import sys, lakeshare; print(sorted({'polars', 'httpx', 'msgspec', 'typer'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
