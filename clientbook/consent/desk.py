"""Consent in one book: decisions, states, the matrix, what expires. What `Book.consent` gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from clientbook.consent.deciding import Decision, decide
from clientbook.consent.permissions import Ask, Setting, configured, copies_of, open_consents, open_permissions, sql
from clientbook.errors import WrongUse
from clientbook.i18n import _
from clientbook.policy import MessageProfile, stored_policy
from clientbook.projection.fold import names_from
from clientbook.projection.moment import Moment
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.query.customers import find_customer
from clientbook.settings import Settings


class UnknownMessage(WrongUse):
    """`book.toml` declares no such message."""


@dataclass(frozen=True, kw_only=True)
class ConsentDesk:
    """Answers about permission."""

    projector: Projector
    settings: Settings
    now: datetime

    def check(
        self,
        customer: str,
        *,
        channel: str,
        purpose: str,
        message: str | None = None,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> Decision:
        """May this customer be written to?

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            UnknownMessage: the message is not declared, or is for another channel or purpose.
        """
        ask = self.ask(channel, purpose, message)
        instant = at or self.now
        with self.snapshot(instant, known_at) as snapshot:
            customer_id = find_customer(snapshot.engine, customer)
            return decide(snapshot, self.setting(snapshot, instant), customer_id, ask)

    def ask(self, channel: str, purpose: str, message: str | None) -> Ask:
        """What is to be sent: a declared message, or one of which only channel and purpose are known."""
        if message is None:
            return Ask(profile=MessageProfile(channel=channel, purpose=purpose))  # type: ignore[arg-type]  # checked at the edge
        profile = self.settings.messages.get(message)
        if profile is None:
            names = ", ".join(self.settings.messages) or _("none")
            said = _("book.toml declares no message {name!r}; it declares: {names}")
            raise UnknownMessage(said.format(name=message, names=names))
        if (profile.channel, profile.purpose) != (channel, purpose):
            said = _("the message {name!r} is declared for --channel {channel} --purpose {purpose}")
            raise UnknownMessage(said.format(name=message, channel=profile.channel, purpose=profile.purpose))
        return Ask(profile=profile, message=message)

    def snapshot(self, at: datetime, known_at: datetime | None) -> Snapshot:
        """The tables as of an instant of the past; of now, or later, as they are."""
        return self.projector.snapshot(Moment(as_of=at if at < self.now else None, known_at=known_at))

    def setting(self, snapshot: Snapshot, at: datetime) -> Setting:
        """What a decision depends on besides the person; the policy is the one in force then, or today's where none was."""
        adopted = snapshot.engine.rows(
            "select policy, adopted_at from policies where adopted_at <= $at"
            " order by adopted_at desc, position desc limit 1",
            {"at": at},
        )
        policy, adopted_at = self.settings.consent, adopted[0]["adopted_at"] if adopted else None
        if adopted and (at < self.now or snapshot.moment.known_at):
            policy = stored_policy(adopted[0]["policy"])
        return Setting(at=at, policy=policy, adopted_at=adopted_at, timezone=self.settings.timezone)

    def open_tables(
        self, snapshot: Snapshot, at: datetime | None = None, *, pairs: Iterable[tuple[str, str]] | None = None
    ) -> None:
        """Make `consents`, `ending_consents` and `permissions`, for queries: for these channels and purposes, or for all."""
        instant = at or self.now
        setting = self.setting(snapshot, instant)
        wanted = None if pairs is None else set(pairs)
        asks = configured(setting.policy, self.settings.messages)
        chosen = [ask for ask in asks if wanted is None or ask.pair in wanted]
        if chosen:
            open_permissions(snapshot, setting, chosen)
        else:
            open_consents(snapshot, setting)

    def pairs(self, snapshot: Snapshot, at: datetime) -> frozenset[tuple[str, str]]:
        """The channels and purposes that the policy of the instant names."""
        return frozenset(ask.pair for ask in configured(self.setting(snapshot, at).policy, self.settings.messages))

    def states(self, customer: str, *, at: datetime | None = None, known_at: datetime | None = None) -> dict[str, Any]:
        """Every act of a customer about permission, and what holds for each channel, address and purpose."""
        instant = at or self.now
        with self.snapshot(instant, known_at) as snapshot:
            customer_id = find_customer(snapshot.engine, customer)
            setting = self.setting(snapshot, instant)
            with copies_of(snapshot, [customer_id]) as schema:
                open_consents(snapshot, setting, schema=schema)
                with names_from(snapshot.engine, schema):
                    states = snapshot.engine.rows(
                        "select * exclude (customer_id) from consents where customer_id = $id"
                        " order by channel, address, purpose",
                        {"id": customer_id},
                    )
            acts = snapshot.engine.rows(
                "select occurred_at, recorded_at, position, act, channel, purpose, address, scope, cause, opt_in_level,"
                " notice_id, notice_version, method, surface, form_id, undated, valid_until, opt_out_ticked,"
                " do_not_call_listed, recorded_by, source, actor, batch"
                " from consent_history where customer_id = $id order by occurred_at, position, channel, purpose",
                {"id": customer_id},
            )
        return {"customer_id": customer_id, "at": instant, "states": states, "acts": acts}

    def notices(self, *, with_text: bool = False) -> pa.Table:
        """The register of wordings."""
        text = "text, " if with_text else ""
        with self.projector.snapshot() as snapshot:
            return snapshot.engine.table(
                f"select notice_id, version, language, {text}sha256, purposes, controllers, published_at, position"
                " from notices order by published_at, position"
            )

    def lists(self) -> pa.Table:
        """The lists that were bought or rented."""
        with self.projector.snapshot() as snapshot:
            return snapshot.engine.table("select * from lists order by acquired_at, list_id")

    def matrix(self, *, at: datetime | None = None, known_at: datetime | None = None) -> pa.Table:
        """Customers by channel, purpose, decision and reason, for the configured pairs."""
        instant = at or self.now
        with self.snapshot(instant, known_at) as snapshot:
            self.open_tables(snapshot, instant)
            return snapshot.engine.table(
                "select channel, purpose, message, decision, reason_code, legal_basis, count(*) as customers"
                " from permissions group by all order by channel, purpose, decision, customers desc, reason_code"
            )

    def expiring(self, *, within: timedelta, renewal: bool = False) -> pa.Table:
        """Consents that become stale, or end, within a time; with `renewal` only of who may be asked to renew."""
        instant = self.now
        with self.snapshot(instant, None) as snapshot:
            setting = self.setting(snapshot, instant)
            refreshing = [
                Ask(profile=MessageProfile(channel=channel, purpose="consent_refresh"))
                for channel in setting.policy.channels
            ]
            open_permissions(snapshot, setting, refreshing)
            return snapshot.engine.table(
                f"select * exclude (may_renew) from ({sql('expiring')}) where ends_at > $at and ends_at <= $until"
                f"{' and may_renew' if renewal else ''} order by ends_at, customer_id, channel, purpose",
                {"at": instant, "until": instant + within},
            )
