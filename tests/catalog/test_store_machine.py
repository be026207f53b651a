"""Random administration, against a model of three dictionaries."""

import asyncio
import itertools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.model import Recipient, RecipientToken, Share, SharedTable, Table
from lakeshare.catalog.sql import SqlCatalogStore
from lakeshare.errors import AlreadyExists, InvalidValue, LakeshareError, NotFound

names = st.sampled_from(["a", "A", "ß", "ss", "SS", "b"])


class Administration(RuleBasedStateMachine):
    """The model is keyed by casefolded names and holds what the store must give back."""

    template: Path

    @initialize()
    def open(self):
        self.home = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.home / "lakeshare.db")
        self.engine = open_engine(f"sqlite:///{self.home}/lakeshare.db")
        self.store = SqlCatalogStore(self.engine)
        self.loop = asyncio.Runner()
        self.numbers = itertools.count(1)
        self.revision = 0
        self.tables: dict[str, Table] = {}
        self.shares: dict[str, Share] = {}
        self.shared: dict[str, dict[tuple[str, str], SharedTable]] = {}
        self.recipients: dict[str, Recipient] = {}
        self.tokens: dict[str, list[RecipientToken]] = {}
        self.grants: set[tuple[str, str]] = set()

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.loop.close()
            shutil.rmtree(self.home)

    @rule(name=names)
    def create_table(self, name):
        number = next(self.numbers)
        table = Table(f"t{number}", "c", "s", name, f"file:///{number}", (), "delta", number)
        taken = name.casefold() in self.tables
        if self.does(self.store.create_table(table), AlreadyExists if taken else None):
            self.tables[name.casefold()] = table

    @rule(name=names)
    def delete_table(self, name):
        table = self.tables.get(name.casefold())
        held = any(shared.table == table for tables in self.shared.values() for shared in tables.values())
        refused = NotFound if table is None else InvalidValue if held else None
        if self.does(self.store.delete_table(f"C.S.{name}"), refused):
            del self.tables[name.casefold()]

    @rule(name=names)
    def create_share(self, name):
        share = Share(f"s{next(self.numbers)}", name, "", 1)
        if self.does(self.store.create_share(share), AlreadyExists if name.casefold() in self.shares else None):
            self.shares[name.casefold()] = share
            self.shared[name.casefold()] = {}

    @rule(name=names)
    def delete_share(self, name):
        key = name.casefold()
        if self.does(self.store.delete_share(name), None if key in self.shares else NotFound):
            del self.shares[key], self.shared[key]
            self.grants = {grant for grant in self.grants if grant[0] != key}

    @rule(share=names, table=names, schema=names, name=names, history=st.booleans())
    def add_to_share(self, share, table, schema, name, history):
        holder, found = self.shares.get(share.casefold()), self.tables.get(table.casefold())
        if holder is None or found is None:
            return
        held = self.shared[share.casefold()]
        key = (schema.casefold(), name.casefold())
        taken = key in held or any(shared.table == found for shared in held.values())
        spelling = next((shared.schema for shared in held.values() if shared.schema.casefold() == key[0]), schema)
        shared = SharedTable(holder.id, holder.name, schema, name, found, history, 1)
        if self.does(self.store.add_to_share(shared), AlreadyExists if taken else None):
            held[key] = replace(shared, schema=spelling)

    @rule(share=names, schema=names, name=names)
    def remove_from_share(self, share, schema, name):
        held = self.shared.get(share.casefold(), {})
        key = (schema.casefold(), name.casefold())
        if self.does(self.store.remove_from_share(share, schema, name), None if key in held else NotFound):
            del held[key]

    @rule(name=names)
    def create_recipient(self, name):
        number = next(self.numbers)
        recipient = Recipient(f"r{number}", name, 1)
        taken = name.casefold() in self.recipients
        token = RecipientToken(f"k{number}", recipient.id, 1, number, 1_000)
        if self.does(self.store.create_recipient(recipient, token), AlreadyExists if taken else None):
            self.recipients[name.casefold()] = recipient
            self.tokens[name.casefold()] = [token]

    @rule(name=names)
    def delete_recipient(self, name):
        key = name.casefold()
        if self.does(self.store.delete_recipient(name), None if key in self.recipients else NotFound):
            del self.recipients[key], self.tokens[key]
            self.grants = {grant for grant in self.grants if grant[1] != key}

    @rule(name=names, end=st.integers(1, 100))
    def rotate_token(self, name, end):
        recipient = self.recipients.get(name.casefold())
        if recipient is None:
            return
        number = next(self.numbers)
        token = RecipientToken(f"k{number}", recipient.id, 1, number, 1_000)
        self.does(self.store.rotate_token(recipient.id, token, end), None)
        old = [replace(held, expires_at=min(held.expires_at or end, end)) for held in self.tokens[name.casefold()]]
        self.tokens[name.casefold()] = [*old, token]

    @rule(name=names, now=st.integers(1, 1_100))
    def use_the_newest_link(self, name, now):
        held = self.tokens.get(name.casefold())
        if held is None:
            return
        token = held[-1]
        expected = token.token_hash is None and now < token.link_expires_at and token.is_live(now)
        token_hash = token.id.encode()
        used = self.loop.run(self.store.activate_token(token.id, 1, token_hash, now))
        assert used is expected
        if used:
            self.revision += 1
            held[-1] = replace(token, token_hash=token_hash, activated_at=now)

    @rule(share=names, recipient=names)
    def grant(self, share, recipient):
        key = (share.casefold(), recipient.casefold())
        if key[0] in self.shares and key[1] in self.recipients:
            assert self.loop.run(self.store.grant(share, recipient, 1)) is (key not in self.grants)
            self.revision += key not in self.grants
            self.grants.add(key)
        else:
            self.does(self.store.grant(share, recipient, 1), NotFound)

    @rule(share=names, recipient=names)
    def revoke(self, share, recipient):
        key = (share.casefold(), recipient.casefold())
        if key[0] in self.shares and key[1] in self.recipients:
            assert self.loop.run(self.store.revoke(share, recipient)) is (key in self.grants)
            self.revision += key in self.grants
            self.grants.discard(key)
        else:
            self.does(self.store.revoke(share, recipient), NotFound)

    @invariant()
    def lists_are_the_models(self):
        if not hasattr(self, "store"):
            return
        assert self.loop.run(self.store.revision()) == self.revision
        assert self.loop.run(self.store.tables()) == in_order(self.tables)
        assert self.loop.run(self.store.shares()) == in_order(self.shares)
        assert self.loop.run(self.store.recipients()) == in_order(self.recipients)
        for share in self.shares:
            assert self.loop.run(self.store.shared_tables(share)) == in_order(self.shared[share])

    @invariant()
    def tokens_open_what_was_granted(self):
        for recipient, held in getattr(self, "tokens", {}).items():
            owner = self.recipients[recipient]
            assert self.loop.run(self.store.recipient_tokens(owner.id)) == held
            for token in held:
                if token.token_hash is not None:
                    access = self.loop.run(self.store.access(token.token_hash))
                    assert (access.recipient, access.token) == (owner, token)
                    assert list(access.shares) == sorted(share for share, to in self.grants if to == recipient)
                    for share, granted in access.shares.items():
                        assert granted.by_name == self.shared[share]
                        assert list(granted.tables) == in_order(self.shared[share])

    def does(self, operation, refused: type[LakeshareError] | None) -> bool:
        """Run it. True where it was done; it must be refused with exactly this error, or not at all."""
        if refused is None:
            self.loop.run(operation)
            self.revision += 1
            return True
        with pytest.raises(LakeshareError) as caught:
            self.loop.run(operation)
        assert type(caught.value) is refused
        return False


def in_order(model):
    return [model[key] for key in sorted(model)]


def test_random_administration_agrees_with_the_model(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/lakeshare.db")
    migrate(engine, tmp_path)
    engine.dispose()
    machine = type("Administration", (Administration,), {"template": tmp_path / "lakeshare.db"})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
