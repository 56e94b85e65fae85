"""validation: every check of an organization's data as a matrix with evidence, kept, exported and signed off.

criteria     the checks, in order: those of `checks`, and those that only a validation runs
sight        the snapshot they look at
rows_of_people  rows of core that no record is behind
copied       core against the payloads themselves · probes: isolation, secrets · compared: stores, core
run          one validation · stored: read again · files: its export · signoff · acceptance
"""

from sync_pipeline.steps.observe.validation.acceptance import Acceptance, acceptances, record_acceptance
from sync_pipeline.steps.observe.validation.criteria import CRITERIA, Criterion, recovery
from sync_pipeline.steps.observe.validation.documents import DocumentsVersion, documents_version
from sync_pipeline.steps.observe.validation.files import ValidationFiles
from sync_pipeline.steps.observe.validation.matrix import Matrix, MatrixRow, Verdict, red_first
from sync_pipeline.steps.observe.validation.rows_of_people import RowsOfPeople, rows_of_people
from sync_pipeline.steps.observe.validation.run import list_stores, look, validate
from sync_pipeline.steps.observe.validation.signoff import AcceptedRow, Signoff, sign_off, signoffs
from sync_pipeline.steps.observe.validation.stored import (
    Validation,
    matrix_rows,
    newest_validation,
    statements_of,
    validation,
    validations,
)
