"""Makes ordinary projects of models that were packaged for other servers, and says what could not be carried over."""

from modelway.importing.import_project import Importing, import_project
from modelway.importing.outcome import ImportReport, Item

__all__ = ["ImportReport", "Importing", "Item", "import_project"]
