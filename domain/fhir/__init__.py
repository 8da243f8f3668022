"""FHIR R4 in and out, without a FHIR library: what maps to what is in docs/fhir.md."""

from domain.assessments.errors import NotExportable, NotImportable
from domain.fhir.care_plan import CarePlanIds, export_program
from domain.fhir.importing import import_questionnaire
from domain.fhir.questionnaire import export_questionnaire
from domain.fhir.reasons import Reason
from domain.fhir.response import export_response

__all__ = [
    "CarePlanIds",
    "NotExportable",
    "NotImportable",
    "Reason",
    "export_program",
    "export_questionnaire",
    "export_response",
    "import_questionnaire",
]
