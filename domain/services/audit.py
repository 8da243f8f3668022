"""Who may see what of the audit log, and what seeing it leaves behind.

Those who run a business read their own log without a trace: it names records and holds none. An operator's read crosses
into a tenant and is on record there (docs/audit.md).
"""

from domain.audit import AuditEntry, AuditFilter
from domain.pages import Page, Window
from domain.ports import OperationsWork, UnitOfWork


def of_tenant(uow: UnitOfWork, window: Window, wanted: AuditFilter) -> Page[AuditEntry]:
    return uow.audit_log.page(window, wanted)


def about_me(uow: UnitOfWork, window: Window) -> Page[AuditEntry]:
    """A person's own access report: what others read of their records, and did to them."""
    return uow.audit_log.about_me(window)


def of_every_tenant(work: OperationsWork, window: Window, wanted: AuditFilter) -> Page[AuditEntry]:
    return work.audit_log.page(window, wanted)
