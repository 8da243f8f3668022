"""What people agree to, version by version, and take back."""

from uuid import UUID

from domain.errors import ConsentTextChanged
from domain.ports import UnitOfWork
from domain.rights import DOCUMENTS, Asked, Consent, Document


def asked(uow: UnitOfWork) -> tuple[list[Asked], list[Consent]]:
    """The texts in force, in a fixed order, and everything the caller has said, newest first."""
    found = uow.consents.asked()
    return [found[document] for document in DOCUMENTS if document in found], uow.consents.said()


def answer(uow: UnitOfWork, consent_id: UUID, document: Document, version: str, *, given: bool) -> Consent:
    """Consent, or its withdrawal. To say again what holds already changes nothing.

    Raises ConsentTextChanged unless `version` is the one in force, or for a withdrawal the one that was given.
    """
    current = uow.consents.asked()[document]
    known = {current.text.version}
    if not given and current.last is not None:
        known.add(current.last.version)
    if version not in known:
        raise ConsentTextChanged
    last = current.last
    if last is not None and (last.version, last.given) == (version, given):
        return last
    return uow.consents.say(consent_id, document, version, given=given)
