"""Tables in, models out and in."""

from kinfolk.io.models import load_model, save_model
from kinfolk.io.source import read_source
from kinfolk.io.tables import TableFile, read_frame, read_table

__all__ = ["TableFile", "load_model", "read_frame", "read_source", "read_table", "save_model"]
