"""stub"""

from pathlib import Path
import pandas as pd
from mnstudy.cohort.loading.read import read_table, number_rows
from mnstudy.cohort.reading.sheet import Sheet


def sheet_of_frame(frame):
    cells = number_rows(frame)
    return Sheet(cells=cells, header=())


def read_sheet(path, how=None, *, worksheet=""):
    return Sheet(cells=read_table(path, delimiter=(how.delimiter or ",") if how else ","))


def worksheets_read(path, how):
    names = dict.fromkeys(b.sheet for b in how.rows) or {"": None}
    return {n: read_sheet(path, how, worksheet=n) for n in names}
