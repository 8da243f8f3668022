"""What can be wrong with a file or a row: a code, and words that never repeat what was there."""

from domain.imports.model import Row

# Of the file as a whole: nothing of it is applied.
FILE_FAULTS = {
    "bad_encoding": "The text is neither UTF-8 nor Windows-1252.",
    "bad_json": "This is not JSON that can be read: an array of objects, or one object a line.",
    "changed_file": "The file is not the one that was validated. Start another import.",
    "column_twice": "Two columns mean the same thing.",
    "empty_file": "There are no rows below the header.",
    "formula_cells": "The workbook holds formulas. Paste them as values and upload it again.",
    "line_too_long": "A line is too long.",
    "long_title": "The title of a column is too long.",
    "malformed_csv": "A quoted cell is not closed, or there is something after its closing quote.",
    "malformed_workbook": "The workbook cannot be read. Save it as .xlsx again, without a password.",
    "missing_column": "A column that says whom a row is about, or what it needs, is missing.",
    "missing_file": "Nothing has been uploaded.",
    "mixed_encoding": "Some lines are UTF-8 and others are not. Save the file in one encoding.",
    "nul_bytes": "The file holds NUL bytes.",
    "rows_fail": "Some rows cannot be applied, and this import is all or nothing.",
    "too_large": "The file is too large.",
    "too_many_cells": "The sheet's used range is too large. Delete what is empty below and beside the table.",
    "too_many_columns": "There are too many columns.",
    "too_many_invitations": "More people would be invited within a day than one business may invite.",
    "too_many_rows": "There are too many rows.",
    "unknown_column": "The mapping names a column that is not in the file, or one that does not exist.",
    "unknown_template": "There is no such template.",
    "unpacks_too_large": "The workbook unpacks to more than may be read.",
    "not_allowed": "Whoever started this import may not do it any more.",
}

# Of one row; `errors.csv` has them in `_code`.
ROW_FAULTS = {
    "already_there": "There is such a row in FFP already.",
    "bad_address": "This is not an e-mail address.",
    "bad_text": "The text holds characters that cannot be stored.",
    "cell_too_long": "The cell is too long.",
    "conflict": "Something else has changed it in the meantime.",
    "consent_required": "The person has not consented to the use of health data.",
    "draft_open": "The person has begun this assessment and not handed it in.",
    "duplicate": "The same thing is given twice.",
    "duplicate_in_file": "Another row of this file is about the same.",
    "email_differs": "The person with this external id has another address.",
    "error_cell": "The cell holds an error of the spreadsheet.",
    "exclusive": "This option cannot be combined with others.",
    "external_id_differs": "The person with this address has another external id.",
    "external_id_taken": "Somebody else has this external id.",
    "formula": "The cell holds a formula.",
    "in_future": "The date lies in the future.",
    "in_use": "It has been used since, so it stays.",
    "no_program": "The person has no such program.",
    "no_submission": "The person has not handed in an assessment of this kind.",
    "not_a_date": "A date is written as year-month-day, such as 1980-01-31.",
    "not_a_question": "This part of the template takes no answer.",
    "not_allowed": "Your role may not do this.",
    "open_invitation": "The person has an invitation that is open.",
    "out_of_range": "The answer is outside the range of this question.",
    "paused_safety": "Their program is paused for safety, until a clinician has looked at it.",
    "pattern": "The text does not have the expected form.",
    "program_refused": "No program can be made for these answers.",
    "program_waits": "The program waits for its review.",
    "referral": "Their last assessment ended with a referral.",
    "required": "This has to be filled in.",
    "role_differs": "The person has another role. An import does not change roles.",
    "template_retired": "Nobody may start with this template any more.",
    "too_few": "More entries are needed.",
    "too_long": "The text is too long.",
    "too_many": "There are too many entries.",
    "too_many_cells": "The row has more cells than the header.",
    "unknown_member": "There is no such active member.",
    "unknown_option": "This is not one of the options.",
    "unknown_question": "This template has no such question.",
    "unknown_template": "There is no such template.",
    "wrong_type": "This is not of the expected kind.",
}


class FileFault(Exception):
    """The file cannot be taken as it is. `row` is where, as a spreadsheet shows it, if it is anywhere in particular."""

    def __init__(self, code: str, row: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.row = row


def message(code: str) -> str:
    return ROW_FAULTS.get(code) or FILE_FAULTS[code]


def problems(row: Row) -> tuple[str, str, str]:
    """Columns, codes and messages, each joined in the same order."""
    return (
        "; ".join(each.column or "" for each in row.issues),
        "; ".join(each.code for each in row.issues),
        " ".join(message(each.code) for each in row.issues),
    )
