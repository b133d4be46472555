"""What a reason code means: the decision, its legal basis, what to do next, where the rule comes from and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clientbook.i18n import N_, _

LAW: Final = N_("law or a court's or regulator's decision")
GUIDANCE: Final = N_("a regulator's guidance, not binding")
CHOICE: Final = N_("an interpretation, or this program's choice")


@dataclass(frozen=True)
class Reason:
    """One code. Texts are msgids."""

    code: str
    means: str
    basis: str | None = None
    """The legal basis of a permission; None denies."""
    next: str = ""
    source: str = ""
    certainty: str = LAW

    @property
    def allows(self) -> bool:
        return self.basis is not None


_REFRESH: Final = N_("ask again at the next purchase, or in the customer's account")
_ASK: Final = N_("ask at the next purchase, on a form with a box of its own, or in the customer's account")
_FIX: Final = N_("mend the message, then check again")
_OTHER: Final = N_("use another channel, if it is permitted")
_NOTHING: Final = N_("do not write")

CONSENT_FAILURES: Final = (
    Reason("NO_CONSENT", N_("no consent is on file"), None, _ASK, "RGPD 6(1)(a), CPCE L34-5"),
    Reason("CONSENT_REQUESTED", N_("consent was asked for and not given"), None, _ASK, "RGPD 4(11)"),
    Reason("CONSENT_PENDING", N_("the double opt-in was not confirmed yet"), None,
           N_("wait, or send the confirmation mail again"), "EDPB 05/2020", GUIDANCE),
    Reason("CONSENT_REFUSED", N_("the customer refused"), None, _NOTHING, "RGPD 7, CPCE L34-5"),
    Reason("CONSENT_WITHDRAWN", N_("the customer withdrew consent"), None, _NOTHING, "RGPD 7(3)"),
    Reason("CONSENT_INVALIDATED", N_("the consent is void: pre-ticked, bundled or not the customer's"), None, _ASK,
           "CJUE C-673/17 Planet49"),
    Reason("CONSENT_EXPIRED", N_("the consent ended by itself"), None, _ASK, "RGPD 5(1)(b)", CHOICE),
    Reason("CONSENT_NEVER_ASKED", N_("nobody asked"), None, _ASK, "RGPD 6(1)(a)"),
    Reason("CONSENT_NOT_YET", N_("the consent is dated after the message"), None,
           N_("check the date of the consent"), "RGPD 7(1)"),
    Reason("CONSENT_WRONG_CHANNEL", N_("the consent is for another channel"), None, _ASK, "CPCE L34-5"),
    Reason("CONSENT_WRONG_PURPOSE", N_("the consent is for another purpose"), None,
           N_("narrow the message to what was agreed, or ask"), "RGPD 4(11)"),
    Reason("LIST_NOT_NAMED", N_("the list's wording does not name the shop"), None, _NOTHING, "CNIL SAN-2024-004", LAW),
    Reason("CONSENT_UNPROVEN", N_("the proof of consent is below the grade that the policy asks"), None, _ASK, "RGPD 7(1)",
           CHOICE),
    Reason("CONSENT_NOT_CONFIRMED", N_("the policy asks for a double opt-in, and this consent is a single one"), None,
           N_("send the confirmation mail"), "CNIL", CHOICE),
    Reason("CONSENT_STALE", N_("the consent is older than the policy allows"), None, _REFRESH, "EDPB 05/2020 § 110",
           GUIDANCE),
)  # fmt: skip

_REFUSALS: Final = (
    Reason("DECEASED", N_("the customer died"), None, _NOTHING, "LIL 85"),
    Reason("RESTRICTED", N_("the customer's data may only be kept"), None, N_("settle the restriction first"), "RGPD 18"),
    Reason("PROMO_IN_SERVICE_MESSAGE", N_("a service message holds an offer"), None, N_("remove the offer"), "CPCE L34-5"),
    Reason("NOTHING_TO_CONFIRM", N_("no double opt-in is waiting"), None, _NOTHING, "CPCE L34-5", CHOICE),
    Reason("OBJECTED_ALL", N_("the customer objected to everything"), None, _NOTHING, "RGPD 21(2)-(3)"),
    Reason("OBJECTED_CHANNEL", N_("the customer objected to this channel"), None, _OTHER, "RGPD 21(2)-(3)"),
    Reason("OBJECTED_PURPOSE", N_("the customer objected to this purpose"), None, _OTHER, "RGPD 21(2)-(3)"),
    Reason("SUPPRESSED_HARD_BOUNCE", N_("the address does not exist"), None, _OTHER, "M3AAWG", GUIDANCE),
    Reason("SUPPRESSED_COMPLAINT", N_("the customer complained of spam"), None, _OTHER, "M3AAWG", GUIDANCE),
    Reason("SUPPRESSED_REQUEST", N_("the customer asked for the address not to be used"), None, _OTHER, "RGPD 21"),
    Reason("SUPPRESSED_LIST", N_("the address stands on a list of those not to be used"), None, _OTHER, "RGPD 21", CHOICE),
    Reason("MINOR_NO_PARENTAL_CONSENT", N_("a child without a parent's consent"), None,
           N_("ask child and parent together"), "LIL 45"),
    Reason("ORIGIN_SCRAPED", N_("the address was collected without its owner"), None, N_("put it aside, or erase it"),
           "CNIL SAN-2020-018"),
    Reason("MISSING_SENDER", N_("the message does not name its sender"), None, _FIX, "CPCE L34-5"),
    Reason("MISSING_UNSUB", N_("the message has no way to unsubscribe"), None, _FIX, "CPCE L34-5"),
    Reason("ART14_SOURCE_MISSING", N_("the first message does not say where the address came from"), None, _FIX,
           "RGPD 14(3)(b)"),
    Reason("LIST_LICENCE_ENDED", N_("the list's licence has ended"), None, _NOTHING, "RGPD 5(1)(a)", CHOICE),
    Reason("RETENTION_EXPIRED", N_("nothing was heard of the customer for longer than data are kept"), None,
           N_("archive or erase; `clientbook retention` lists them"), "CNIL référentiel 2022", GUIDANCE),
    Reason("PHONE_COOLDOWN", N_("the customer refused a call lately"), None, N_("wait until the date shown"), "D223-9"),
    Reason("PHONE_FREQUENCY", N_("the customer was called too often lately"), None, N_("wait until the date shown"),
           "D223-9"),
    Reason("PHONE_HOURS", N_("nobody may be called at this hour"), None, N_("call in the hours shown"), "D223-9"),
    Reason("PHONE_BLOCTEL_UNCHECKED", N_("the do-not-call register was not looked up"), None,
           N_("look the number up first"), "C. conso L223-1"),
    Reason("PHONE_BLOCTEL", N_("the number stands in the do-not-call register"), None, _OTHER, "C. conso L223-1"),
    Reason("NOT_INFORMED",
           N_("it is not known that the customer was informed and could refuse when the data were collected"), None,
           N_("inform the customer, with a way to refuse"), "RGPD 13, 21(4)"),
    Reason("B2B_UNRELATED", N_("it is not known that the offer has to do with the person's job"), None,
           N_("say so in the message profile, or ask"), "CNIL"),
    Reason("SOFT_NOT_COLLECTED_FROM_PERSON", N_("the address was not given by the customer"), None, _ASK,
           "CPCE L34-5 al. 4"),
    Reason("SOFT_THIRD_PARTY", N_("the message advertises somebody else"), None, _ASK, "CNIL SAN-2022-017"),
    Reason("SOFT_SIMILARITY_UNKNOWN", N_("it is not known whether the products are similar to what was bought"), None,
           N_("give the message profile categories, and the policy its map of similar ones"), "CPCE L34-5 al. 4"),
    Reason("SOFT_NOT_SIMILAR", N_("the products are not similar to what was bought"), None, _ASK, "CPCE L34-5 al. 4"),
    Reason("SOFT_NO_OPTOUT_AT_COLLECTION",
           N_("it is not known that the customer was offered to refuse when the address was collected"), None, _ASK,
           "CPCE L34-5 al. 4"),
    Reason("SOFT_NOT_CUSTOMER", N_("an account without a purchase is no sale"), None, _ASK, "CNIL SAN-2021-008"),
)  # fmt: skip

_PERMISSIONS: Final = (
    Reason("OK_DOI", N_("the confirmation mail of a double opt-in"), "A6-1-f", "", "RGPD 6(1)(f)", CHOICE),
    Reason("OK_LEGAL_OBLIGATION", N_("the law obliges the shop"), "A6-1-c", "", "RGPD 6(1)(c)"),
    Reason("OK_CONTRACT", N_("part of an order or of a contest"), "A6-1-b", "", "RGPD 6(1)(b)"),
    Reason("OK_GENERIC_PRO", N_("the mailbox of a company, nobody's in particular"), "none-legal-person", "", "CNIL",
           GUIDANCE),
    Reason("OK_REFRESH", N_("the customer is asked to renew a consent"), "A6-1-a", "", "EDPB 05/2020", GUIDANCE),
    Reason("OK_CONSENT", N_("the customer consented"), "A6-1-a", "", "RGPD 6(1)(a), CPCE L34-5"),
    Reason("OK_PHONE_CONTRACT", N_("a contract is open, and the offer has to do with it"), "A6-1-f", "", "C. conso L223-1"),
    Reason("OK_LI_PHONE", N_("legitimate interest, after looking up the register"), "A6-1-f", "", "RGPD 6(1)(f)"),
    Reason("OK_LI_POST", N_("legitimate interest: informed, and free to refuse"), "A6-1-f", "", "RGPD 6(1)(f)"),
    Reason("OK_LI_B2B", N_("legitimate interest: at work, about work"), "A6-1-f", "", "CNIL", GUIDANCE),
    Reason("OK_LI_SURVEY", N_("legitimate interest: how a purchase went"), "A6-1-f", "", "RGPD 6(1)(f)", CHOICE),
    Reason("OK_SOFT_OPTIN", N_("a customer, similar products, free to refuse"), "CPCE-L34-5-al4", "", "CPCE L34-5 al. 4"),
)  # fmt: skip

_ABOUT_REFRESHING: Final = tuple(
    Reason(f"REFRESH_{one.code}", one.means, None, one.next, "EDPB 05/2020, ICO Flybe", GUIDANCE) for one in CONSENT_FAILURES
)

REASONS: Final = {one.code: one for one in (*_REFUSALS, *CONSENT_FAILURES, *_ABOUT_REFRESHING, *_PERMISSIONS)}

WARNINGS: Final = {
    "CONSENT_STALE": N_("the consent is older than the policy wants; the policy only warns"),
    "MINOR_15_17": N_("between 15 and 17 years old"),
}

OBLIGATIONS: Final = {
    "unsubscribe_link": N_("an unsubscribe link in the message"),
    "list_unsubscribe": N_("List-Unsubscribe and List-Unsubscribe-Post headers, signed by DKIM (RFC 8058)"),
    "honour_48h": N_("unsubscriptions honoured within 48 hours"),
    "stop_and_sender": N_("STOP and the sender's name in the message"),
    "no_tracking_pixel": N_("no tracking of opens without a consent of its own (CNIL 2026-042)"),
    "source_line": N_("a line that says where the address came from (RGPD 14)"),
    "way_to_refuse": N_("a free and simple way to refuse"),
    "say_who_calls": N_("say who calls and why, and take a refusal at once"),
}


def obligations(channel: str, *, is_marketing: bool, is_bought: bool) -> list[str]:
    """What a permission asks of the message."""
    if not is_marketing:
        return []
    found = {
        "email": ["unsubscribe_link", "list_unsubscribe", "honour_48h", "no_tracking_pixel"],
        "sms": ["stop_and_sender", "honour_48h"],
        "phone": ["say_who_calls", "way_to_refuse"],
        "auto_call": ["say_who_calls", "way_to_refuse"],
    }.get(channel, ["way_to_refuse"])
    return [*found, "source_line"] if is_bought else found


def said(reason: Reason) -> str:
    """What it means, translated."""
    return _(reason.means)
